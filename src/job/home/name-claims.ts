/**
 * Claims on names: `names/KEY.NAME/claim.N`, one per job of that name. The job in a claim decides whether the
 * claim counts. The next job gets the next number; a claim is never removed and made again. Two projects may
 * share a key, and a file system may ignore case: the record has project and name in full, and other claims
 * in the folder are ignored.
 */
import { existsSync, lstatSync } from 'node:fs';
import { withChecksum } from '../../base/checksum.ts';
import { claim, removeQuietly, syncDir } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory, removeEmptyDirectory } from '../../base/fs/directories.ts';
import { claimNext, listNumbers } from '../../base/fs/generation-claim.ts';
import { namesIn } from '../../base/fs/read-record.ts';
import { errnoOf } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { JobId, Spec } from '../spec.ts';
import type { Home } from './home.ts';
import { projectKey } from './job-index.ts';
import { readValid } from './records.ts';

const claimSchema = is.object({ v: is.version(1), id: is.count, name: is.text, project: is.text });

export interface JobName {
  name: string;
  project: string;
}

interface NameClaim extends JobName {
  generation: number;
  id: JobId;
}

/**
 * Whether the job of a claim owns the name, may still get it (its launcher has not checked yet), or neither.
 */
export type ClaimState = 'owns' | 'pending' | 'none';

/** So many claims stay: `--replace` uses them to find processes that ended jobs of the name left running. */
const MOST_CLAIMS = 8;
/** A temporary file of this age, milliseconds, was left by a killed launcher. */
const ABANDONED_MS = 60_000;

export const jobNameOf = ({ name, project }: Pick<Spec, 'name' | 'project'>): JobName | undefined =>
  name === null ? undefined : { name, project };

const folderName = ({ name, project }: JobName): string => `${projectKey(project)}.${name}`;
const folderOf = (home: Home, title: JobName): string => `${home.names}/${folderName(title)}`;

/** All claims in a folder, the newest first. A link is not followed: callers remove what is found here. */
function claimsIn(folder: string): NameClaim[] {
  if (inspectDirectory(folder) !== 'ours') return [];
  const generations = listNumbers(folder, 'claim').sort((a, b) => b - a);
  return generations.flatMap((generation) => {
    const found = readValid(`${folder}/claim.${generation}`, claimSchema);
    return found ? [{ generation, id: found.id, name: found.name, project: found.project }] : [];
  });
}

/** Whether a claim on a name cannot be read. Then only the records of the jobs tell the owner of the name. */
export function isClaimDamaged(home: Home, title: JobName): boolean {
  const folder = folderOf(home, title);
  return listNumbers(folder, 'claim').length > claimsIn(folder).length;
}

/** The claims on a name in a project, the newest first. */
export const readClaims = (home: Home, title: JobName): NameClaim[] =>
  claimsIn(folderOf(home, title)).filter(
    ({ name, project }) => name === title.name && project === title.project,
  );

export const readClaimsEverywhere = (home: Home, name: string): NameClaim[] =>
  namesIn(home.names)
    .filter((folder) => folder.slice(folder.indexOf('.') + 1) === name)
    .flatMap((folder) => claimsIn(`${home.names}/${folder}`))
    .filter((one) => one.name === name);

/** Claims a name and returns the generation. The caller then asks judgeClaims. */
export function claimName(home: Home, title: JobName, id: JobId): number {
  const folder = folderOf(home, title);
  const text = withChecksum({ v: 1, id, name: title.name, project: title.project });
  for (;;) {
    makeDirectory(home.names);
    try {
      if (makeDirectory(folder)) syncDir(home.names);
      return claimNext(folder, 'claim', (path) => claim(path, text));
    } catch (thrown) {
      // gc removed the empty folder
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    }
  }
}

/**
 * Whether the claim `mine` gives the name; `others` are all other claims on it. Of two at once the later one
 * always sees the earlier one and gives way; the earlier one waits for that.
 */
export function judgeClaims(
  mine: number,
  others: { generation: number; claimState: ClaimState }[],
): 'free' | 'taken' | 'wait' {
  if (others.some(({ claimState }) => claimState === 'owns')) return 'taken';
  const pending = others.filter(({ claimState }) => claimState === 'pending');
  if (pending.some(({ generation }) => generation < mine)) return 'taken';
  return pending.length > 0 ? 'wait' : 'free';
}

/** Removes the claims of a job that never started. */
export function withdrawClaims(home: Home, title: JobName, id: JobId): void {
  const folder = folderOf(home, title);
  for (const one of readClaims(home, title))
    if (one.id === id) removeQuietly(`${folder}/claim.${one.generation}`);
  removeEmptyDirectory(folder);
}

/** Removes the oldest of these claims, of which the caller knows that none counts. */
export function pruneNameClaims(home: Home, title: JobName, dead: NameClaim[]): void {
  const old = dead.toSorted((a, b) => b.generation - a.generation).slice(MOST_CLAIMS);
  for (const { generation } of old) removeQuietly(`${folderOf(home, title)}/claim.${generation}`);
}

/** Removes the folders of names that no job has; `inUse` are the names of the jobs that stay. */
export function forgetNames(home: Home, inUse: JobName[]): void {
  const used = new Set(inUse.map(folderName));
  for (const name of namesIn(home.names)) {
    const folder = `${home.names}/${name}`;
    // a link is not followed
    if (inspectDirectory(folder) !== 'ours') continue;
    const claims = claimsIn(folder);
    if (used.has(name) || claims.some(({ id }) => existsSync(home.job(id).dir))) continue;
    // the folder itself goes only if it is empty: a claim that is made meanwhile stays
    for (const { generation } of claims) removeQuietly(`${folder}/claim.${generation}`);
    for (const file of namesIn(folder))
      if (isAbandoned(`${folder}/${file}`)) removeQuietly(`${folder}/${file}`);
    removeEmptyDirectory(folder);
  }
}

function isAbandoned(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return path.endsWith('.tmp') && stat !== undefined && Date.now() - stat.mtimeMs > ABANDONED_MS;
}
