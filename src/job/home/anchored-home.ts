/**
 * The home of a long-lived process. It is bound to the very directories that the process opened: the home,
 * and its own jobs. A home may be moved, and another home with jobs of the same numbers may be made at its
 * path. So each path is checked when it is used: it leads to the opened directory, wherever that is now, or
 * to /dev/null.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { systemClock } from '../../base/clock.ts';
import { type FileId, fileAt, fileOf, isRemoved, isSameFile, pathOf } from '../../base/fs/file-id.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { JobId } from '../spec.ts';
import { Home, openHome } from './home.ts';
import { JobPaths } from './paths.ts';

/** Below this path nothing can be found or made (ENOTDIR). */
const NOWHERE = '/dev/null';

/** Whether a check that was made at `atMs` still counts. */
const isFresh = (atMs: number, trustMs: number): boolean => systemClock.monotonic() - atMs < trustMs;

/** Opens a directory; undefined if no descriptor is left (ulimit -n): then only the path is checked. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (thrown) {
    if (['EMFILE', 'ENFILE'].includes(errnoOf(thrown))) return undefined;
    throw thrown;
  }
}

const fileOfOpen = (fd: number | undefined): FileId | undefined =>
  fd === undefined ? undefined : fileOf(fd);

class OwnJobPaths extends JobPaths {
  private file: FileId | undefined;
  /** Open, so that the kernel gives this inode to no other directory. */
  private fd: number | undefined;
  private isUnchecked = false;
  private checkedMs = Number.NEGATIVE_INFINITY;
  uses = 0;

  constructor(
    private readonly home: Home,
    private readonly id: JobId,
    private readonly trustMs: number,
  ) {
    super(`${home.jobs}/${id}`);
    this.open();
  }

  override get dir(): string {
    const path = `${this.home.jobs}/${this.id}`;
    if (this.isUnchecked || isFresh(this.checkedMs, this.trustMs)) return path;
    if (!isSameFile(fileAt(path), this.file)) return NOWHERE;
    this.checkedMs = systemClock.monotonic();
    return path;
  }

  /** Binds this object to the directory that stands there now. */
  open(): void {
    this.close();
    this.checkedMs = Number.NEGATIVE_INFINITY;
    try {
      this.fd = openDirectory(`${this.home.jobs}/${this.id}`);
      this.isUnchecked = this.fd === undefined;
      this.file = fileOfOpen(this.fd);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
  }

  isRemoved(): boolean {
    if (this.isUnchecked) return !existsSync(this.dir);
    return this.fd === undefined ? this.dir === NOWHERE : isRemoved(this.fd);
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}

export class AnchoredHome extends Home {
  private fd: number | undefined;
  private file: FileId | undefined;
  private lastPath: string;
  private checkedMs = Number.NEGATIVE_INFINITY;
  private readonly own = new Map<JobId, OwnJobPaths>();

  /**
   * Throws system errors. `trustMs`: so long one check counts. A supervisor uses some 150 paths for each job,
   * most of them in the same instant.
   */
  constructor(
    { path, token }: Home,
    private readonly trustMs = 0,
  ) {
    super(path, token);
    this.lastPath = path;
    this.fd = openDirectory(path);
    this.file = fileOfOpen(this.fd);
  }

  override get path(): string {
    if (this.fd === undefined || isFresh(this.checkedMs, this.trustMs)) return this.lastPath;
    if (isSameFile(fileAt(this.lastPath), this.file)) {
      this.checkedMs = systemClock.monotonic();
      return this.lastPath;
    }
    const moved = pathOf(this.fd);
    if (moved === undefined) return NOWHERE;
    this.lastPath = moved;
    return moved;
  }

  override job(id: JobId): JobPaths {
    return this.own.get(id) ?? super.job(id);
  }

  /** Binds the home to the current directory of a job, until as many calls of `release`. */
  anchor(id: JobId): JobPaths {
    let own = this.own.get(id);
    if (own === undefined || !this.hasJob(own)) {
      own?.close();
      own = new OwnJobPaths(this, id, this.trustMs);
      this.own.set(id, own);
    }
    own.uses++;
    return own;
  }

  /** Undoes one `anchor`. The paths of `job` still lead to that job only. */
  release(id: JobId, job: JobPaths): void {
    const own = this.own.get(id);
    if (own === undefined || own !== job || --own.uses > 0) return;
    own.close();
    this.own.delete(id);
  }

  /** Whether an anchored job is at its place in this home. */
  hasJob = (job: JobPaths): boolean => job.dir !== NOWHERE;

  /** Whether this is still the opened home, and not another one that was made in the same directory. */
  isOpen(): boolean {
    const again = openHome(this.path, false, Number.POSITIVE_INFINITY);
    return again.ok && again.value?.token === this.token;
  }

  /**
   * Whether a job was removed; otherwise a job that is not here is in a home that was moved away or locked.
   */
  isRemoved(job: JobPaths): boolean {
    return job instanceof OwnJobPaths ? job.isRemoved() : !existsSync(job.spec);
  }

  /**
   * For a home that was removed and put back from a copy with the same token, in which `isOurs` accepts the
   * job: binds this object to the copy and returns true.
   */
  reopen(id: JobId, isOurs: (job: JobPaths) => boolean): boolean {
    const copy =
      this.fd !== undefined && this.path === NOWHERE && isRemoved(this.fd)
        ? openHome(this.lastPath, false, Number.POSITIVE_INFINITY)
        : undefined;
    if (!copy?.ok || copy.value?.token !== this.token || !isOurs(copy.value.job(id))) return false;
    closeSync(this.fd!);
    this.checkedMs = Number.NEGATIVE_INFINITY;
    this.fd = openDirectory(this.lastPath);
    this.file = fileOfOpen(this.fd);
    this.own.get(id)?.open();
    return true;
  }
}
