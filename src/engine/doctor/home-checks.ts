/**
 * Checks the location of the home: whether it can be used and written, its file system, and the room that is
 * left.
 */
import { existsSync, mkdirSync, rmdirSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { readSystemText } from '../../base/fs/read-record.ts';
import { attemptQuietly, errnoOf } from '../../base/result.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import { readConfig } from '../../job/home/config.ts';
import { type Home, openHome, refusalToMake } from '../../job/home/home.ts';
import { findTool } from '../os/programs.ts';
import type { Finding } from './findings.ts';

/** Network file systems: the server may be away, and other machines see the jobs but not their processes. */
const REMOTE = new RegExp(
  `^(${[
    'nfs\\d?|cifs|smb\\d?|smbfs|ncpfs|afs|9p|ceph|lustre|glusterfs|gpfs|beegfs|pvfs2|orangefs|gfs2?|ocfs2',
    'coda|davfs|webdav|afpfs|fuse\\.(sshfs|glusterfs\\w*|ceph\\w*|s3fs|rclone|davfs2?|gcsfuse|mfs|curlftpfs)',
  ].join('|')})$`,
);

/** The first part of one log alone takes 16 MiB. */
const MIN_BYTES = 64 * 2 ** 20;
/** A job has about ten files, and 32 FIFOs are made at once. */
const MIN_FILES = 100;

const GIVE_UP_MS = 500;

/** The file system type of a path; undefined if unknown. The kernel answers: the file system may hang. */
export function fileSystemOf(path: string): string | undefined {
  let found: { point: string; type: string } | undefined;
  for (const line of readSystemText('/proc/self/mountinfo').split('\n')) {
    const [before, after] = line.split(' - ');
    const point = before
      ?.split(' ')[4]
      ?.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    const isAbove =
      point !== undefined && (path === point || path.startsWith(point === '/' ? '/' : `${point}/`));
    // the last mount at a point covers the earlier ones
    if (isAbove && point.length >= (found?.point.length ?? 0))
      found = { point, type: after?.split(' ')[0] ?? '' };
  }
  return found?.type;
}

function nearest(path: string): string {
  return path === '/' || existsSync(path) ? path : nearest(dirname(path));
}

/** Makes a folder and a FIFO in it, as a job does, and removes both. */
function tryFolder(home: string, parent: string, exists: boolean): Result<void> {
  const folder = `${parent}/${exists ? '' : '.bgjob-'}doctor.${process.pid}`;
  const mkfifo = findTool('mkfifo');
  try {
    mkdirSync(folder, 0o700);
    const { spawnSync } = require('node:child_process') as typeof import('node:child_process');
    const made = mkfifo && spawnSync(mkfifo, [`${folder}/fifo`], { stdio: 'ignore', timeout: GIVE_UP_MS });
    // a status of null: a slow machine had no time for it
    const hasFailed = made && made.status !== null && made.status !== 0;
    return !hasFailed ? ok(undefined) : fail({ code: 'home-refused', home, trouble: 'no-fifos' });
  } catch (thrown) {
    const doing = exists ? 'write to' : 'create';
    return fail({ code: 'io', doing, path: home, errno: errnoOf(thrown) });
  } finally {
    for (const take of [() => unlinkSync(`${folder}/fifo`), () => rmdirSync(folder)]) attemptQuietly(take);
  }
}

function checkRoom(path: string, folder: string): Finding[] {
  const stat = attemptQuietly(() => statfsSync(folder));
  // file systems of the kernel (/proc) have no blocks
  if (!stat?.blocks) return [];
  const { bavail, bsize, files, ffree } = stat;
  const found: Finding[] = [];
  if (bavail * bsize < MIN_BYTES)
    found.push({ code: 'home-full', path, what: 'bytes', left: bavail * bsize });
  // some file systems have no fixed number of files, and report 0
  if (files > 0 && ffree < MIN_FILES) found.push({ code: 'home-full', path, what: 'files', left: ffree });
  return found;
}

/** The problems of the location of the home; and the home, if it exists and can be read. */
export function checkHome(path: string, env: NodeJS.ProcessEnv): { findings: Finding[]; home?: Home } {
  const type = fileSystemOf(path);
  const isRemote = type !== undefined && REMOTE.test(type);
  const remote: Finding[] = isRemote ? [{ code: 'home-remote', path, type }] : [];
  const opened = openHome(path, false);
  if (!opened.ok) return { findings: [...remote, { code: 'home-unusable', failure: opened.failure }] };
  const home = opened.value;
  const folder = home ? path : nearest(path);
  const refusal = home ? undefined : refusalToMake(path, env);
  const tried = refusal ? fail(refusal) : tryFolder(path, home?.cache ?? folder, home !== undefined);
  const findings: Finding[] = [...remote];
  const config = readConfig(path);
  if (!config.ok) findings.push({ code: 'config-broken', failure: config.failure });
  if (!tried.ok) findings.push({ code: 'home-unusable', failure: tried.failure });
  // not on a server: the call would hang if it is away
  if (!isRemote) findings.push(...checkRoom(path, folder));
  return { findings, ...(home && { home }) };
}
