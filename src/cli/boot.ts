/**
 * Runs the built command line from code that V8 compiled before: a fifth of a start is otherwise spent on compiling the same
 * text again. The compiled code lies in the home's cache, one file per verb, because each verb compiles other functions. It is
 * run, so it is read only from a home that is safely ours; and since V8 does not check it for damage, it lies there twice
 * and both must be equal. (Node's own compile cache, from 22 on, gains a third of this.)
 */
import * as fs from 'node:fs';
import * as modules from 'node:module';
import { Script } from 'node:vm';
import { inspectDirectory } from '../base/fs/directories.ts';
import { homePath, inspectHome } from '../job/home/home.ts';

const CLI = `${__dirname}/cli.js`;

/** Where the compiled code of this verb, this build and this Node lies; undefined where it must not be trusted. */
function cachePath(): string | undefined {
  const home = homePath(process.env);
  const found = inspectHome(home);
  if (!found.ok || found.value === 'absent' || inspectDirectory(`${home}/cache`) !== 'ours') return undefined;
  // other flags make other code, which V8 would refuse, every time
  if (process.env['NODE_OPTIONS'] || process.execArgv.length > 0) return undefined;
  const { size, mtimeMs, ino } = fs.statSync(CLI);
  const build = [process.version, process.arch, ino, size, Math.floor(mtimeMs)].join('-');
  return /^[a-z]{1,16}$/.test(process.argv[2] ?? '')
    ? `${home}/cache/code.${process.argv[2]}.${build}`
    : undefined;
}

/** Both halves of the file, if they are equal. */
function readCode(path: string): Buffer | undefined {
  let fd: number | undefined;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    if (!fs.fstatSync(fd).isFile()) return undefined;
    const twice = fs.readFileSync(fd);
    const half = twice.length / 2;
    const code = twice.subarray(0, half);
    return half > 0 && code.equals(twice.subarray(half)) ? code : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/** Written aside and renamed: complete or not there. What older builds left of this verb goes. */
function writeCode(path: string, code: Buffer): void {
  const [dir, name] = [path.slice(0, path.lastIndexOf('/')), path.slice(path.lastIndexOf('/') + 1)];
  const temporary = `${path}.${process.pid}`;
  try {
    fs.writeFileSync(temporary, Buffer.concat([code, code]), { mode: 0o600, flag: 'wx' });
    fs.chmodSync(temporary, 0o600);
    fs.renameSync(temporary, path);
    const prefix = name.slice(0, name.indexOf('.', 5) + 1);
    for (const old of fs.readdirSync(dir))
      if (old.startsWith(prefix) && old !== name) fs.unlinkSync(`${dir}/${old}`);
  } catch {
    // a full or read-only disk: the next start compiles again
    fs.rmSync(temporary, { force: true });
  }
}

const path = cachePath();
const cachedData = path === undefined ? undefined : readCode(path);
const script = new Script(modules.wrap(fs.readFileSync(CLI, 'utf8')), {
  filename: CLI,
  ...(cachedData && { cachedData }),
});
const cli: { exports: { verbs?: string[] } } = { exports: {} };
if (path !== undefined && (!cachedData || script.cachedDataRejected)) {
  process.once('exit', () => {
    // a slip of the pen is no verb, and leaves no file
    if (cli.exports.verbs?.includes(process.argv[2]!)) writeCode(path, script.createCachedData());
  });
}
script.runInThisContext().call(cli.exports, cli.exports, modules.createRequire(CLI), cli, CLI, __dirname);
