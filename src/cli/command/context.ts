/** The call as a verb sees it: environment, working directory, project, home, configuration, output. */
import { statSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import { type Here, hereOf } from '../../engine/observe/resolve.ts';
import { isProcForeign } from '../../engine/os/call-sandbox.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { type Config, NO_CONFIG, readConfig } from '../../job/home/config.ts';
import { type Home, homePath, makeHome, openHome } from '../../job/home/home.ts';
import { hasBadSession, type Session, sessionIn } from '../../job/session.ts';
import { messageOf } from '../messages/failures.ts';
import { badSession, configIgnored } from '../messages/usage.ts';
import { printWarning } from '../messages/warnings.ts';
import type { Output } from '../output/output.ts';
import { REPLACEMENT } from './encoding.ts';

/**
 * A home that was checked is not checked again for so long, milliseconds: a short call opens it twice. In a
 * longer one a newer version may raise its format meanwhile.
 */
const TRUST_MS = 500;

/** Whether the working directory has this name: Node replaces bytes that are not UTF-8. */
function isRealName(cwd: string): boolean {
  if (!cwd.includes(REPLACEMENT)) return true;
  const named = statSync(cwd, { throwIfNoEntry: false });
  const own = statSync('.');
  return named?.ino === own.ino && named.dev === own.dev;
}

export class Context {
  private known: Here | undefined;
  private read: Result<Config> | undefined;
  /** The command has nothing to do with the home: not even recovery is done in it. */
  leavesHome = false;
  private ownSession: Session | null | undefined;
  private opened: { home: Home; atMs: number } | undefined;

  constructor(
    readonly env: NodeJS.ProcessEnv,
    readonly output: Output,
  ) {}

  /** The working directory; fails if it was removed. */
  cwd(): Result<string> {
    try {
      const cwd = process.cwd();
      return isRealName(cwd) ? ok(cwd) : fail({ code: 'bad-cwd', directory: cwd, errno: 'EILSEQ' });
    } catch (thrown) {
      const errno = errnoOf(thrown);
      const directory = this.env['PWD'] ?? '.';
      const isGone = errno === 'ENOENT' && directory.startsWith('/');
      // another file or directory may have its name by now
      const other = isGone ? attemptQuietly(() => statSync(directory)) : undefined;
      const found = other?.isDirectory() ? 'ESTALE' : 'ENOTDIR';
      return fail({ code: 'bad-cwd', directory, errno: other ? found : errno });
    }
  }

  /** The projects of the working directory; the root's if that was removed. */
  here(): Here {
    const cwd = this.cwd();
    this.known ??= hereOf(cwd.ok ? cwd.value : '/');
    return this.known;
  }

  /** The session of the call; null: none. A value of BGJOB_SESSION that is no session is ignored with one note. */
  session(): Session | null {
    if (this.ownSession !== undefined) return this.ownSession;
    if (hasBadSession(this.env)) printWarning(this.output, badSession(this.env['BGJOB_SESSION']!));
    this.ownSession = sessionIn(this.env);
    return this.ownSession;
  }

  /** The home for reading; undefined if there is none yet. */
  home(): Result<Home | undefined> {
    const { home, atMs = 0 } = this.opened ?? {};
    if (home && systemClock.monotonic() - atMs < TRUST_MS) return ok(home);
    return this.remember(openHome(homePath(this.env), false));
  }

  private remember<T extends Home | undefined>(home: Result<T>): Result<T> {
    if (home.ok && home.value) this.opened = { home: home.value, atMs: systemClock.monotonic() };
    return home;
  }

  /** The home for a new job, made if there is none. */
  makeHome(): Result<Home> {
    if (isProcForeign()) return fail({ code: 'proc-foreign' });
    return this.remember(makeHome(this.env));
  }

  /** Fails if config.json is broken: for commands that would then do something else. */
  config(): Result<Config> {
    this.read ??= this.readConfig();
    return this.read;
  }

  private readConfig(): Result<Config> {
    const config = readConfig(homePath(this.env));
    const opened = config.ok ? config : this.home();
    // a home that cannot be opened is the more important error
    return opened.ok ? config : opened;
  }

  /** The same for commands that must work in any case: with a broken file they warn once, and ignore it. */
  configOrNone(): Config {
    const config = this.config();
    if (config.ok) return config.value;
    this.read = ok(NO_CONFIG);
    if (config.failure.code !== 'bad-config') return NO_CONFIG;
    const { message } = messageOf(config.failure);
    printWarning(this.output, { code: 'bad-config', message }, configIgnored(message));
    return NO_CONFIG;
  }
}
