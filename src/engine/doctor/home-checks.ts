/** Where the home lies: whether it can be used and written, on what kind of file system, and how much room is left there. */
import { existsSync, mkdirSync, rmdirSync, type StatsFs, statfsSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { readSystemText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf, ignoreSystemError } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { readConfig } from '../../job/home/config.ts';
import { type Home, openHome } from '../../job/home/home.ts';
import { findTool } from '../os/programs.ts';
import type { Finding } from './findings.ts';

/** A server stands behind these: it may be away, and its other machines see the jobs but not their processes. */
const REMOTE =
  /^(nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|9p|ceph|lustre|glusterfs|gpfs|beegfs|pvfs2|orangefs|gfs2?|ocfs2|coda|davfs|webdav|afpfs|fuse\.(sshfs|glusterfs\w*|ceph\w*|s3fs|rclone|davfs2?|gcsfuse|mfs|curlftpfs))$/;

/** The head of one log alone takes 16 MiB. */
const LEAST_BYTES = 64 * 2 ** 20;
/** A job has about ten files, its FIFOs come by 32. */
const LEAST_FILES = 100;

/** For a program that makes one FIFO, milliseconds. */
const GIVE_UP_MS = 500;

/** The type of the file system that a path is on; undefined where nobody says so. Asks no file system: one that hangs does not matter. */
function fileSystemOf(path: string): string | undefined {
  let found: { point: string; type: string } | undefined;
  for (const line of readSystemText('/proc/self/mountinfo').split('\n')) {
    const [before, after] = line.split(' - ');
    const point = before
      ?.split(' ')[4]
      ?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const isAbove =
      point !== undefined && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`));
    // the last one at a place lies over the others
    if (isAbove && point.length >= (found?.point.length ?? 0))
      found = { point, type: after?.split(' ')[0] ?? '' };
  }
  return found?.type;
}

/** The first directory on the way up that is there. */
function nearest(path: string): string {
  return path === '/' || existsSync(path) ? path : nearest(dirname(path));
}

/** Makes a folder there and a FIFO in it, as a job does, and takes both away again. */
function tryPlace(home: string, place: string, isThere: boolean): Result<void> {
  const folder = `${place}/${isThere ? '' : '.bgjob-'}doctor.${process.pid}`;
  const mkfifo = findTool('mkfifo');
  try {
    mkdirSync(folder, 0o700);
    const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
    const made = mkfifo && spawnSync(mkfifo, [`${folder}/fifo`], { stdio: 'ignore', timeout: GIVE_UP_MS });
    // null: a slow machine had no time for it
    const hasFailed = made && made.status !== null && made.status !== 0;
    return !hasFailed ? ok(undefined) : fail({ code: 'home-refused', home, trouble: 'no-fifos' });
  } catch (thrown) {
    const doing = isThere ? 'write to' : 'create';
    return fail({ code: 'io', doing, path: home, errno: errnoOf(thrown) });
  } finally {
    for (const take of [() => unlinkSync(`${folder}/fifo`), () => rmdirSync(folder)]) attemptQuietly(take);
  }
}

function checkRoom(path: string, place: string): Finding[] {
  let stat: StatsFs;
  try {
    stat = statfsSync(place);
  } catch (thrown) {
    ignoreSystemError(thrown);
    return [];
  }
  const { blocks, bavail, bsize, files, ffree } = stat;
  const found: Finding[] = [];
  // what the kernel makes up (/proc) has neither
  if (blocks === 0) return found;
  if (bavail * bsize < LEAST_BYTES)
    found.push({ code: 'home-full', path, what: 'bytes', left: bavail * bsize });
  // some file systems have as many as they need, and say 0
  if (files > 0 && ffree < LEAST_FILES) found.push({ code: 'home-full', path, what: 'files', left: ffree });
  return found;
}

/** What is wrong with the place of the home; and the home, if it is there and can be read. */
export function checkHome(path: string): { findings: Finding[]; home?: Home } {
  const type = fileSystemOf(path);
  const isRemote = type !== undefined && REMOTE.test(type);
  const remote: Finding[] = isRemote ? [{ code: 'home-remote', path, type }] : [];
  const opened = openHome(path, false);
  if (!opened.ok) return { findings: [...remote, { code: 'home-unusable', failure: opened.failure }] };
  const home = opened.value;
  const place = home ? path : nearest(path);
  const tried = tryPlace(path, home?.cache ?? place, home !== undefined);
  const findings: Finding[] = [...remote];
  const config = readConfig(path);
  if (!config.ok) findings.push({ code: 'config-broken', failure: config.failure });
  if (!tried.ok) findings.push({ code: 'home-unusable', failure: tried.failure });
  // a server that is away would be waited for
  if (!isRemote) findings.push(...checkRoom(path, place));
  return { findings, ...(home && { home }) };
}
