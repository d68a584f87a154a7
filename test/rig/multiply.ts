/** Thousands of ended jobs in a home, each a copy of a real one with an id and times of its own. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { withChecksum } from '../../src/base/checksum.ts';

/** A record without its seal. */
function read(path: string): any {
  const { sum, ...record } = JSON.parse(fs.readFileSync(path, 'utf8'));
  return record;
}

/**
 * Makes `count` copies of the ended job `last`, the home's newest; each ended `apartMs` after the one before.
 */
export function multiply(home: string, last: number, count: number, apartMs: number): void {
  const path = (id: number, name: string) => `${home}/jobs/${id}/${name}`;
  const files = ['owner.1', 'exit.1', 'shim', 'out/log'].map((name) => ({
    name,
    text: fs.readFileSync(path(last, name)),
  }));
  const spec = read(path(last, 'spec.json'));
  const state = read(path(last, 'state.json'));
  const mark = fs.readdirSync(`${home}/ended`).find((name) => name.split('.')[1] === String(last))!;
  const project = mark.split('.')[2]!;
  const fifos: string[] = [];
  for (let id = last + 1; id <= last + count; id++) {
    const later = (id - last - count - 1) * apartMs;
    fs.mkdirSync(path(id, 'out'), { recursive: true, mode: 0o700 });
    const write = (name: string, text: string | Buffer) =>
      fs.writeFileSync(path(id, name), text, { mode: 0o600 });
    for (const { name, text } of files) write(name, text);
    const own = { ...spec, id, createdAt: spec.createdAt + later };
    write('spec.json', withChecksum(own));
    const { status } = state;
    const times = { startedAt: status.startedAt + later, endedAt: status.endedAt + later };
    write('state.json', withChecksum({ ...state, status: { ...status, ...times }, spec: own }));
    const ended = String(times.endedAt).padStart(14, '0');
    fs.writeFileSync(`${home}/ended/${ended}.${id}.${project}`, '', { mode: 0o600 });
    fifos.push(path(id, 'alive'));
  }
  fs.writeFileSync(`${home}/seq`, `${last + count}\n`);
  for (let at = 0; at < fifos.length; at += 1000)
    spawnSync('mkfifo', ['-m', '600', ...fifos.slice(at, at + 1000)]);
}
