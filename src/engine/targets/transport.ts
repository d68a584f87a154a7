/** The two ways to reach a machine: this one itself, and OpenSSH's client with the user's own configuration. */
import { type ChildProcess, spawn } from 'node:child_process';
import { callAfter } from '../../base/clock.ts';
import { quote } from '../../base/text/shell-quote.ts';
import { FAR_MARKER } from '../../job/identity.ts';
import { type ExecResult, type FarSession, TargetError, type Transport } from './engine.ts';
import { lastWords, type NotReady, ShellSession } from './shell-session.ts';
import { sshTrouble } from './ssh-trouble.ts';

type Environment = Record<string, string | undefined>;

/** The marker of a job from which we were called must not lie on what we start. */
const ownEnvironment = (from: Environment): Environment => ({ ...from, [FAR_MARKER]: undefined });

const LEFT_MS = 2000;

const collect = (chunks: Buffer[]) => (bytes: Buffer) => void chunks.push(bytes);

/** This machine. A program is started directly. */
export class LocalTransport implements Transport {
  constructor(private readonly env: Environment | (() => Environment) = process.env) {}

  protected start(argv: string[]): ChildProcess {
    const env = ownEnvironment(typeof this.env === 'function' ? this.env() : this.env);
    // `/`: the folder of the caller may be unmounted
    return spawn(argv[0]!, argv.slice(1), { env, cwd: '/', stdio: ['pipe', 'pipe', 'pipe'] });
  }

  exec(argv: string[], stdin: string | Uint8Array, limitMs: number): Promise<ExecResult> {
    const child = this.start(argv);
    const [stdout, stderr]: Buffer[][] = [[], []];
    child.stdout!.on('data', collect(stdout!));
    child.stderr!.on('data', collect(stderr!));
    child.stdin!.on('error', () => {});
    child.stdin!.end(stdin);
    const cancel = callAfter(limitMs, () => child.kill('SIGKILL'));
    return new Promise((resolve) => {
      const done = (code: number | null) => {
        cancel();
        resolve({ code, stdout: Buffer.concat(stdout!), stderr: Buffer.concat(stderr!).toString('utf8') });
      };
      child.on('error', () => done(null));
      child.on('close', done);
      // a process that it left may have its output open
      child.on('exit', (code) => setTimeout(() => done(code), LEFT_MS));
    });
  }

  open(program: string, readyMs: number): Promise<FarSession> {
    return ShellSession.open(this.start(['/bin/sh']), program, readyMs, ({ how, stdout, stderr }) => {
      const trouble = how === 'silent' ? 'login-shell-hangs' : 'login-shell-ended';
      return new TargetError('refused', trouble, lastWords(stderr, stdout));
    });
  }
}

/**
 * Ours come first, and the first value of an option counts. ClearAllForwardings: a forwarding of the user's
 * configuration would be set up a second time, and could fail. LogLevel=VERBOSE: it says when it is logged in.
 */
const SSH_OPTIONS = [
  'BatchMode=yes',
  'ServerAliveInterval=15',
  'ServerAliveCountMax=3',
  'ClearAllForwardings=yes',
  'ForwardAgent=no',
  'ForwardX11=no',
  'PermitLocalCommand=no',
  'RemoteCommand=none',
  'RequestTTY=no',
  'EscapeChar=none',
  'LogLevel=VERBOSE',
];

/** Servers accept these by default: the language of this machine would become that of the jobs. */
const OF_LANGUAGE = /^(LANG|LANGUAGE|LC_.*)$/;

/** The trailer of a program that was run once: its exit code, as the shell there saw it. */
const CODE = (nonce: string): RegExp => new RegExp(`\\n${nonce} code (\\d+)\\n$`);

/** A machine that ssh reaches. */
export class SshTransport implements Transport {
  constructor(
    /** As ssh takes it: `host`, `user@host`, or a Host of its configuration. */
    private readonly host: string,
    /** More options of ssh: `['-F', 'lab.cfg']`. */
    private readonly options: readonly string[] = [],
    private readonly env: Environment = process.env,
  ) {}

  /** One list of words that each login shell reads alike; the program comes on stdin. */
  private start(): ChildProcess {
    const env = ownEnvironment(this.env);
    for (const name of Object.keys(env)) if (OF_LANGUAGE.test(name)) env[name] = undefined;
    const own = SSH_OPTIONS.flatMap((option) => ['-o', option]);
    // `--`: a host may begin with a dash
    const words = ['-T', ...own, ...this.options, '--', this.host, 'exec /bin/sh'];
    return spawn('ssh', words, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  }

  open(program: string, readyMs: number): Promise<ShellSession> {
    return ShellSession.open(this.start(), program, readyMs, (end: NotReady) => sshTrouble(end));
  }

  async exec(argv: string[], stdin: string | Uint8Array, limitMs: number): Promise<ExecResult> {
    const call = argv.map(quote).join(' ');
    const ready = `printf '\\n%s ready %s\\n' "$far_nonce" "$far_nonce"`;
    // one command, so that the shell has read all of it before the input of the program comes
    const program = `{ ${ready}; ${call}; printf '\\n%s code %s\\n' "$far_nonce" $?; exit 0; }`;
    const session = await this.open(program, limitMs);
    const stdout: Buffer[] = [];
    session.onData(collect(stdout));
    session.write(stdin);
    session.child.stdin!.end();
    const cancel = callAfter(limitMs, () => session.child.kill('SIGKILL'));
    await session.ended;
    cancel();
    const text = Buffer.concat(stdout).toString('latin1');
    const match = CODE(session.hello).exec(text);
    return {
      code: match ? Number(match[1]) : null,
      stdout: Buffer.from(match ? text.slice(0, match.index) : text, 'latin1'),
      stderr: session.stderr,
    };
  }
}
