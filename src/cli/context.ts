/** What a command is given: where it was called and where to answer. */
import * as fs from 'node:fs';
import { parseDuration } from '../base/clock.ts';
import { errnoOf, type Failure, fail, ok, type Result } from '../base/failure.ts';
import { type Home, homePath, openHome } from '../job/home.ts';
import { isProcForeign } from '../process/enclosure.ts';
import { type Here, hereOf } from '../process/resolve.ts';
import { REPLACEMENT } from './encoding.ts';
import type { Output } from './output.ts';

/** Whether the working directory is really called that: bytes that are not UTF-8 come as something else. */
function isTrue(cwd: string): boolean {
  if (!cwd.includes(REPLACEMENT)) return true;
  const named = fs.statSync(cwd, { throwIfNoEntry: false });
  const own = fs.statSync('.');
  return named?.ino === own.ino && named.dev === own.dev;
}

export class Context {
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  private known: Here | undefined;

  constructor(env: NodeJS.ProcessEnv, output: Output) {
    this.env = env;
    this.output = output;
  }

  /** The working directory; fails if it was removed. */
  cwd(): Result<string> {
    try {
      const cwd = process.cwd();
      return isTrue(cwd) ? ok(cwd) : fail({ code: 'bad-cwd', directory: cwd, errno: 'EILSEQ' });
    } catch (thrown) {
      return fail({ code: 'bad-cwd', directory: this.env['PWD'] ?? '.', errno: errnoOf(thrown) });
    }
  }

  /** The project and places of the working directory; the root's if that was removed. */
  here(): Here {
    const cwd = this.cwd();
    this.known ??= hereOf(cwd.ok ? cwd.value : '/');
    return this.known;
  }

  /** The home for reading; undefined if there is none yet. */
  home(): Result<Home | undefined> {
    return openHome(homePath(this.env), false);
  }

  /** The home for a new job. */
  makeHome(): Result<Home> {
    if (isProcForeign()) return fail({ code: 'proc-foreign' });
    return openHome(homePath(this.env), true);
  }

  /** The deadline of a blocking command, milliseconds: its own, else BGJOB_MAX_WAIT; null for none. */
  deadline(own: number | null): Result<number | null> {
    const text = this.env['BGJOB_MAX_WAIT'];
    if (own !== null || !text) return ok(own);
    const ms = parseDuration(text);
    if (ms !== undefined) return ok(ms);
    const failure: Failure = {
      code: 'usage',
      message: `BGJOB_MAX_WAIT: "${text}" is not a duration such as 100s, 5m`,
    };
    return fail(failure);
  }
}
