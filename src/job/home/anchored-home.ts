/**
 * The home of a long-lived process: the very directory that it opened, and the very directories of its jobs. A home may be moved, and
 * another one, with jobs of the same numbers, may be made at its path. So each path is checked when it is asked for: it leads to
 * what was opened, wherever that is by now, or nowhere.
 */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { type FileId, fileAt, fileOf, isRemoved, isSameFile, pathOf } from '../../base/fs/file-id.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import type { JobId } from '../spec.ts';
import { Home, openHome } from './home.ts';
import { JobPaths } from './paths.ts';

/** Nothing is found or made below it (ENOTDIR). */
const NOWHERE = '/dev/null';

/** Throws system errors; undefined: no descriptor is left (ulimit -n), and the path has to do. */
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

/** The files of a job that this process owns. */
class OwnJobPaths extends JobPaths {
  private readonly home: Home;
  private readonly id: JobId;
  private file: FileId | undefined;
  /** Open, so that no other directory gets its number meanwhile. */
  private fd: number | undefined;
  /** No descriptor was left for it. */
  private isLoose = false;
  /** How many anchored it. */
  uses = 0;

  constructor(home: Home, id: JobId) {
    super(`${home.jobs}/${id}`);
    this.home = home;
    this.id = id;
    this.open();
  }

  override get dir(): string {
    const path = `${this.home.jobs}/${this.id}`;
    return this.isLoose || isSameFile(fileAt(path), this.file) ? path : NOWHERE;
  }

  /** Whatever stands there now is the job. */
  open(): void {
    this.close();
    try {
      this.fd = openDirectory(`${this.home.jobs}/${this.id}`);
      this.isLoose = this.fd === undefined;
      this.file = fileOfOpen(this.fd);
    } catch (thrown) {
      ignoreSystemError(thrown);
    }
  }

  isRemoved(): boolean {
    if (this.isLoose) return !existsSync(this.dir);
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
  private known: string;
  private readonly own = new Map<JobId, OwnJobPaths>();

  /** Throws system errors. */
  constructor({ path, token }: Home) {
    super(path, token);
    this.known = path;
    this.fd = openDirectory(path);
    this.file = fileOfOpen(this.fd);
  }

  /** Where it is now. */
  override get path(): string {
    if (this.fd === undefined || isSameFile(fileAt(this.known), this.file)) return this.known;
    const moved = pathOf(this.fd);
    if (moved === undefined) return NOWHERE;
    this.known = moved;
    return moved;
  }

  override job(id: JobId): JobPaths {
    return this.own.get(id) ?? super.job(id);
  }

  /** From here on a job of this process, until it is released as often. */
  anchor(id: JobId): JobPaths {
    let own = this.own.get(id);
    if (own === undefined || !this.hasJob(own)) {
      own?.close();
      own = new OwnJobPaths(this, id);
      this.own.set(id, own);
    }
    own.uses++;
    return own;
  }

  /** Its paths go on to lead to it alone. */
  release(id: JobId, job: JobPaths): void {
    const own = this.own.get(id);
    if (own === undefined || own !== job || --own.uses > 0) return;
    own.close();
    this.own.delete(id);
  }

  /** Whether the job of this number here is the one that was anchored. */
  hasJob(job: JobPaths): boolean {
    return job.dir !== NOWHERE;
  }

  /** Whether this is still the home that was opened, and not another that was made in the same directory. */
  isOpen(): boolean {
    const again = openHome(this.path, false);
    return again.ok && again.value?.token === this.token;
  }

  /** Whether an anchored job was removed. If not, and it is not here either, its home is away: moved to where nobody finds it, or locked. */
  isRemoved(job: JobPaths): boolean {
    return job instanceof OwnJobPaths ? job.isRemoved() : !existsSync(job.spec);
  }

  /**
   * A home that was removed may have been put back from a copy: where it was there is one of the same token, and `isOurs` knows
   * the job in it. Takes that one; false if there is none.
   */
  reopen(id: JobId, isOurs: (job: JobPaths) => boolean): boolean {
    const copy =
      this.fd !== undefined && this.path === NOWHERE && isRemoved(this.fd)
        ? openHome(this.known, false)
        : undefined;
    if (!copy?.ok || copy.value?.token !== this.token || !isOurs(copy.value.job(id))) return false;
    closeSync(this.fd!);
    this.fd = openDirectory(this.known);
    this.file = fileOfOpen(this.fd);
    this.own.get(id)?.open();
    return true;
  }
}
