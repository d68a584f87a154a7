/**
 * Starts the command line: the program that has the verb of this call (programs.json), else `cli.js`, which
 * has all. A program of few verbs saves a sixth of the CPU time of a start.
 *
 * It is started from a cache of compiled code, which saves a quarter.
 * The cache is `$XDG_CACHE_HOME/bgjob` (`~/.cache/bgjob`), with one file per verb, because each verb
 * compiles other functions. V8 does not check the code that it is given, so:
 *
 * - The cache is not in the home of bgjob: a sandbox that may write only the home must not make others run
 *   its code.
 * - It is neither read nor written where another user could replace a file or a directory.
 * - A file holds the code twice, and the text that it was compiled from. Both copies must be equal, and the
 *   text must be that of the build. Size and time do not tell builds apart: npm gives all files the same
 *   time.
 *
 * (The compile cache of Node 22 and newer gains a third of this.)
 */
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute } from 'node:path';
import { Script } from 'node:vm';
import programs from './programs.json';

const verb = process.argv[2] ?? '';
const [program] = Object.entries(programs).find(([, verbs]) => verbs.includes(verb)) ?? ['cli'];
const CLI = `${__dirname}/${program === 'cli' ? program : `cli-${program}`}.js`;
/** Code of another build is removed after so long, milliseconds: several versions may be in use. */
const OLD_MS = 30 * 86_400_000;

const OWN_PREFIX = 'BGJOB_NODE_';

const STICKY = 0o1000;
const OTHERS_WRITE = 0o022;

/** Whether only this user and root can replace this directory; `real`: its real path. */
function isOurs(real: string): boolean {
  const { uid, mode } = lstatSync(real);
  if (uid !== process.geteuid!() || (mode & OTHERS_WRITE) !== 0) return false;
  for (let above = dirname(real); ; above = dirname(above)) {
    const stat = lstatSync(above);
    const isOpen = (stat.mode & OTHERS_WRITE) !== 0 && (stat.mode & STICKY) === 0;
    if (isOpen || ![0, process.geteuid!()].includes(stat.uid)) return false;
    if (above === dirname(above)) return true;
  }
}

const realPath = (path: string): string | undefined => {
  try {
    return realpathSync.native(path);
  } catch {
    return undefined;
  }
};

/**
 * Makes a directory, but only in one of this user: with `sudo` the home directory may be that of another
 * user.
 */
function makeOwn(path: string): void {
  if (!isOurs(realpathSync.native(dirname(path)))) return;
  mkdirSync(path, 0o700);
  chmodSync(path, 0o700);
}

/** Whether a path lies in the home of bgjob. */
function isInHome(real: string): boolean {
  const home = realPath(process.env['BGJOB_HOME'] || `${homedir()}/.bgjob`);
  return home !== undefined && `${real}/`.startsWith(`${home}/`);
}

/** The directory of the cache, made if `make` is set; undefined: there is none that can be trusted. */
function cacheDirectory(make: boolean): string | undefined {
  try {
    const asked = process.env['XDG_CACHE_HOME'] ?? '';
    const base = isAbsolute(asked) ? asked : `${homedir()}/.cache`;
    if (make && !existsSync(base)) makeOwn(base);
    const above = realPath(base);
    if (above === undefined || isInHome(above)) return undefined;
    if (make && !existsSync(`${base}/bgjob`)) makeOwn(`${base}/bgjob`);
    const real = realPath(`${base}/bgjob`);
    return real !== undefined && isOurs(real) && !isInHome(real) ? real : undefined;
  } catch {
    // no home directory, or one that cannot be written
    return undefined;
  }
}

/**
 * The name of the file for this verb, this Node and builds of this size; undefined: no cache for this call.
 */
function fileName(size: number): string | undefined {
  // V8 compiles other code with other flags, and would refuse the file each time
  if (process.env['NODE_OPTIONS'] || process.execArgv.length > 0) return undefined;
  return /^[a-z]{1,16}$/.test(verb) ? `${verb}.${process.version}-${process.arch}-${size}` : undefined;
}

/** The code in a file, if the file is complete and was compiled from this text. */
function readCode(path: string, text: Buffer): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== process.geteuid!() || (stat.mode & OTHERS_WRITE) !== 0)
      return undefined;
    const bytes = readFileSync(fd);
    const half = (bytes.length - text.length) / 2;
    if (!(half > 0) || !bytes.subarray(2 * half).equals(text)) return undefined;
    const code = bytes.subarray(0, half);
    return code.equals(bytes.subarray(half, 2 * half)) ? code : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Writes the file under another name and renames it. Removes files of old builds for this verb. */
function writeCode(name: string, code: Buffer, text: Buffer): void {
  const dir = cacheDirectory(true);
  if (dir === undefined) return;
  const temporary = `${dir}/${name}.${process.pid}`;
  try {
    writeFileSync(temporary, Buffer.concat([code, code, text]), { mode: 0o600, flag: 'wx' });
    chmodSync(temporary, 0o600);
    renameSync(temporary, `${dir}/${name}`);
    const verb = name.slice(0, name.indexOf('.') + 1);
    for (const other of readdirSync(dir))
      if (other.startsWith(verb) && Date.now() - lstatSync(`${dir}/${other}`).mtimeMs > OLD_MS)
        unlinkSync(`${dir}/${other}`);
  } catch {
    // a full or read-only disk: the next start compiles again
    rmSync(temporary, { force: true });
  }
}

/**
 * Gives the caller's variables back, which the first line of bin/bgjob keeps from Node. It hands them over as
 * `'CERTIFICATES'|'OPTIONS'`, below a shell script of pnpm without the quotes. The path of the certificates
 * ends at the first `'|'`; options may have anything in them. Empty counts as not set. No name of ours is
 * left, so that no job can inherit it.
 */
function restoreVariables(): void {
  const kept = /^('?)(.*?)\1\|\1(.*)\1$/s.exec(process.env[`${OWN_PREFIX}VARS`] ?? '');
  for (const name of Object.keys(process.env)) if (name.startsWith(OWN_PREFIX)) delete process.env[name];
  if (kept) {
    restore('NODE_EXTRA_CA_CERTS', kept[2]!);
    restore('NODE_OPTIONS', kept[3]!);
  }
}

function restore(name: string, value: string): void {
  if (value === '') delete process.env[name];
  else process.env[name] = value;
}

const text = readFileSync(CLI);
const name = fileName(text.length);
// afterwards: what Node itself was given decides about the cache
restoreVariables();
const dir = name === undefined ? undefined : cacheDirectory(false);
const cachedData = dir === undefined ? undefined : readCode(`${dir}/${name}`, text);
// build.mjs has made a function of the file: to do that here, V8 would copy the text. esbuild writes ASCII
const script = new Script(text.toString('latin1'), { filename: CLI, ...(cachedData && { cachedData }) });
const cli: { exports: { verbs?: string[] } } = { exports: {} };
if (name !== undefined && (!cachedData || script.cachedDataRejected)) {
  process.once('exit', () => {
    // a mistyped verb gets no file
    if (cli.exports.verbs?.includes(process.argv[2]!)) writeCode(name, script.createCachedData(), text);
  });
}
script.runInThisContext().call(cli.exports, cli.exports, require, cli, CLI, __dirname);
