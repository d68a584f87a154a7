/** Programs that break one promise on purpose: the sources with one change, built as the true ones are. */
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../rig/rig.ts';
import type { Setting } from './settings.ts';
import type { Point } from './stopper.ts';
import type { Promised } from './truth.ts';

/** In a file of src: `from`, which stands there once, becomes `to`. */
interface Change {
  file: string;
  from: string;
  to: string;
}

export interface Breakage {
  promised: Promised;
  /** What is wrong with the program. */
  what: string;
  changes: Change[];
  /** Where it shows: the setting, and the kill; none: it needs no more than who dies in the setting anyway. */
  setting: string;
  kill?: Point;
}

const at = (role: string, call: string, n: number, when: Point['when']): Point => ({ role, call, n, when });

export const BREAKAGES: Breakage[] = [
  {
    promised: 'no job is shown running that is not',
    what: 'a job runs as long as it has an owner on record',
    changes: [
      {
        file: 'process/observe.ts',
        from: '  return false;\n}\n\n/** The adopter of an adopter',
        to: '  return owner !== undefined;\n}\n\n/** The adopter of an adopter',
      },
    ],
    setting: 'a job that nobody watches',
    kill: at('shim', 'open jobs/N/exit.N', 1, 'before'),
  },
  {
    promised: 'no exit code is lost',
    what: 'a reader that finds nobody alive does not look for the code',
    changes: [
      { file: 'process/observe.ts', from: '  if (exit) {\n', to: '  if (exit && exit.code < 0) {\n' },
      { file: 'process/observe.ts', from: 'if (isExitDamaged(', to: 'if (!exit && isExitDamaged(' },
    ],
    setting: 'a job that nobody watches',
    kill: at('shim', 'write socket', 1, 'before'),
  },
  {
    promised: 'no outcome is invented',
    what: 'what nobody saw is called a success',
    changes: [
      {
        file: 'job/store.ts',
        from: 'fs.closeSync(createBlank(job.exit(attempt), 8));',
        to: "fs.writeFileSync(job.exit(attempt), '0\\n0\\n    ');",
      },
    ],
    setting: 'run',
    kill: at('shim', 'open jobs/N/exit.N', 1, 'before'),
  },
  {
    promised: 'no id is reused',
    what: 'gc removes the newest job, and the next id is that of the newest directory',
    changes: [
      { file: 'process/collect.ts', from: '.filter((id) => id !== highest));', to: ');' },
      {
        file: 'job/ids.ts',
        from: 'const id = claimAfter(home, readHint(home) ?? ',
        to: 'const id = claimAfter(home, 0 * (readHint(home) ?? 0) + ',
      },
      {
        file: 'job/ids.ts',
        from: 'if (id > floor) return id;',
        to: 'if (id > 0 * floor) return id;',
      },
    ],
    setting: 'gc',
  },
  {
    promised: 'no half-written record is visible',
    what: 'a record is written under its own name',
    changes: [
      {
        file: 'base/files.ts',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of a source
        from: 'const temporary = `${path}.tmp`;\n  requireDirectory(dirname(path));\n  try {\n    try',
        to: 'const temporary = path;\n  try {\n    try',
      },
    ],
    setting: 'run',
    kill: at('supervisor', 'open jobs/N/state.json', 1, 'after'),
  },
  {
    promised: 'no process is left',
    what: 'the supervisor stays when all is done',
    changes: [
      {
        file: 'supervisor/leave.ts',
        from: '  await limit;\n',
        to: '  await limit;\n  setInterval(() => {}, 1000);\n',
      },
    ],
    setting: 'run',
    kill: at('launcher', 'exit -', 1, 'before'),
  },
  {
    promised: 'an id that was printed is a job',
    what: 'the id is printed as soon as it is claimed',
    changes: [
      {
        file: 'process/launch.ts',
        from: 'id = claimId(home);',
        // biome-ignore lint/suspicious/noTemplateCurlyInString: a piece of a source
        to: 'id = claimId(home); fs.writeSync(1, `${id}\\n`);',
      },
    ],
    setting: 'run',
    kill: at('launcher', 'rename jobs/N/spec.json', 1, 'before'),
  },
  {
    promised: 'everything goes on',
    what: 'an adopter does not know the limits',
    changes: [
      {
        file: 'supervisor/supervision.ts',
        from: "if (status.phase === 'running')\n",
        to: "if (status.phase === 'running' && this.owner.generation === 1)\n",
      },
    ],
    setting: 'an adopted job with a time limit',
  },
  {
    promised: 'no more run than there are slots',
    what: 'nobody counts the slots',
    changes: [
      {
        file: 'job/queues.ts',
        from: 'return parsed?.ok ? parsed.value.slots : DEFAULT_SLOTS;',
        to: 'return 9 + (parsed?.ok ? parsed.value.slots : DEFAULT_SLOTS);',
      },
    ],
    setting: 'the next of a queue',
  },
];

/** Builds the program with these changes below `dir`; the path of its `bgjob`. */
export function build(dir: string, changes: Change[]): string {
  for (const name of ['src', 'bin', 'build.mjs', 'package.json', 'LICENSE'])
    fs.cpSync(join(ROOT, name), join(dir, name), { recursive: true });
  fs.symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  fs.mkdirSync(join(dir, 'test'));
  for (const { file, from, to } of changes) {
    const path = join(dir, 'src', file);
    const parts = fs.readFileSync(path, 'utf8').split(from);
    if (parts.length !== 2)
      throw new Error(`${JSON.stringify(from)} stands ${parts.length - 1} times in ${file}`);
    fs.writeFileSync(path, parts.join(to));
  }
  execFileSync(process.execPath, ['build.mjs'], { cwd: dir, stdio: 'pipe' });
  return join(dir, 'bin', 'bgjob');
}

/** The kills of a breakage in its setting. */
export const planOf = (setting: Setting, { kill }: Breakage): Point[] =>
  kill ? [...setting.before, kill] : setting.before;
