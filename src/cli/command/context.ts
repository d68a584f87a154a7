/** What a command is given: where it was called and where to answer. */
import { statSync } from 'node:fs';
import { parseDuration } from '../../base/clock.ts';
import { errnoOf } from '../../base/result.ts';
import { type Here, hereOf } from '../../engine/observe/resolve.ts';
import { isProcForeign } from '../../engine/os/call-sandbox.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import { type Config, NO_CONFIG, readConfig } from '../../job/home/config.ts';
import { type Home, homePath, openHome } from '../../job/home/home.ts';
import { messageOf } from '../messages/failures.ts';
import type { Output } from '../output/output.ts';
import { REPLACEMENT } from './encoding.ts';

/** Whether the working directory is really called that: bytes that are not UTF-8 come as something else. */
function isTrue(cwd: string): boolean {
  if (!cwd.includes(REPLACEMENT)) return true;
  const named = statSync(cwd, { throwIfNoEntry: false });
  const own = statSync('.');
  return named?.ino === own.ino && named.dev === own.dev;
}

export class Context {
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
  private known: Here | undefined;
  private read: Result<Config> | undefined;

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

  /** The projects of the working directory; the root's if that was removed. */
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

  /** The defaults of config.json; fails if there is anything wrong with it: for commands that would do something else than asked. */
  config(): Result<Config> {
    this.read ??= this.readConfig();
    return this.read;
  }

  private readConfig(): Result<Config> {
    const config = readConfig(homePath(this.env));
    const opened = config.ok ? config : this.home();
    // of a home that cannot be opened that is what must be told
    return opened.ok ? config : opened;
  }

  /** The same for commands that must work in any case: a broken file is told once, and means nothing. */
  configOrNone(): Config {
    const config = this.config();
    if (config.ok) return config.value;
    this.read = ok(NO_CONFIG);
    if (config.failure.code !== 'bad-config') return NO_CONFIG;
    const { message } = messageOf(config.failure);
    if (this.output.json)
      this.output.note(JSON.stringify({ v: 1, warning: { code: 'bad-config', message } }));
    else this.output.note(`warning: ${message}; it is left out (bgjob doctor)`);
    return NO_CONFIG;
  }

  /** The deadline of a blocking command, milliseconds: its own, else BGJOB_MAX_WAIT, else that of config.json; null for none. */
  deadline(own: number | null): Result<number | null> {
    const text = this.env['BGJOB_MAX_WAIT'];
    if (own !== null) return ok(own);
    if (!text) return ok(this.configOrNone().maxWaitMs);
    const ms = parseDuration(text);
    if (ms !== undefined) return ok(ms);
    const failure: Failure = {
      code: 'usage',
      message: `BGJOB_MAX_WAIT: "${text}" is not a duration such as 100s, 5m`,
    };
    return fail(failure);
  }
}
