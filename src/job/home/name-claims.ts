/**
 * Who has a name: `names/KEY.NAME/claim.N`, a complete file made by link, one per job of that name. The job that a claim names
 * decides whether it still counts; a dead one is followed by the next number, never removed and made again. Two projects
 * may share a key, and a folder may ignore case: the record says project and name in full, and another's is not ours.
 */
import { existsSync, lstatSync, rmdirSync } from 'node:fs';
import { sealed } from '../../base/checksum.ts';
import { claim, removeQuietly, syncDir } from '../../base/fs/atomic-write.ts';
import { inspectDirectory, makeDirectory } from '../../base/fs/directories.ts';
import { namesIn, readRecord } from '../../base/fs/read-record.ts';
import { errnoOf, ignoreSystemError } from '../../base/result.ts';
import * as is from '../../base/schema.ts';
import type { JobId, Spec } from '../spec.ts';
import type { Home } from './home.ts';
import { projectKey } from './job-index.ts';

const claimSchema = is.object({ v: is.version(1), id: is.count, name: is.text, project: is.text });

/** A name, and the project in which it means something. */
export interface Title {
  name: string;
  project: string;
}

/** That a job has the name, or had it. */
export interface Claim extends Title {
  generation: number;
  id: JobId;
}

/** What a claim is worth now: its job holds the name, is about to (its launcher has not asked yet whether it may), or neither. */
export type ClaimState = 'holds' | 'pending' | 'none';

/** So many claims are kept: by them `--replace` finds what ended jobs of the name left running. */
const KEPT = 8;
/** A temporary file of this age was left by a killed launcher, milliseconds. */
const ABANDONED_MS = 60_000;

/** The name of a job, if it has one. */
export const titleOf = ({ name, project }: Pick<Spec, 'name' | 'project'>): Title | undefined =>
  name === null ? undefined : { name, project };

const folderName = ({ name, project }: Title): string => `${projectKey(project)}.${name}`;
const folderOf = (home: Home, title: Title): string => `${home.names}/${folderName(title)}`;
const generationOf = (file: string): number => Number(/^claim\.(\d{1,9})$/.exec(file)?.[1] ?? 0);

/** All claims in a folder, also another project's; the newest first. None behind a link: what is read here may be removed. */
function claimsIn(folder: string): Claim[] {
  if (inspectDirectory(folder) !== 'ours') return [];
  const generations = namesIn(folder)
    .map(generationOf)
    .filter((generation) => generation > 0)
    .sort((a, b) => b - a);
  return generations.flatMap((generation) => {
    const stored = readRecord(`${folder}/claim.${generation}`);
    const parsed = stored.kind === 'text' ? is.parseSchema(claimSchema, stored.text) : undefined;
    if (!parsed?.ok) return [];
    const { id, name, project } = parsed.value;
    return [{ generation, id, name, project }];
  });
}

/** Whether one of the claims to a name cannot be read: then only the jobs themselves know who has it. */
export function isClaimDamaged(home: Home, title: Title): boolean {
  const folder = folderOf(home, title);
  const made = namesIn(folder).filter((file) => generationOf(file) > 0);
  return made.length > claimsIn(folder).length;
}

/** The claims to a name in a project, the newest first. */
export const readClaims = (home: Home, title: Title): Claim[] =>
  claimsIn(folderOf(home, title)).filter(
    ({ name, project }) => name === title.name && project === title.project,
  );

/** The claims to a name in all projects. */
export const readClaimsEverywhere = (home: Home, name: string): Claim[] =>
  namesIn(home.names)
    .filter((folder) => folder.slice(folder.indexOf('.') + 1) === name)
    .flatMap((folder) => claimsIn(`${home.names}/${folder}`))
    .filter((one) => one.name === name);

/** Claims the name for a job and returns the generation. Whether the job may have it is asked afterwards: judgeClaims. */
export function claimName(home: Home, title: Title, id: JobId): number {
  const folder = folderOf(home, title);
  const text = sealed({ v: 1, id, name: title.name, project: title.project });
  for (;;) {
    makeDirectory(home.names);
    const generation = Math.max(0, ...namesIn(folder).map(generationOf)) + 1;
    try {
      if (makeDirectory(folder)) syncDir(home.names);
      if (claim(`${folder}/claim.${generation}`, text)) return generation;
    } catch (thrown) {
      // gc found the folder empty and took it away
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
    }
  }
}

/**
 * Whether the claim `mine` may be used, by the claim states of all others to the same name; asked after it was made. Of two
 * that cross, the later sees the earlier in any case: it gives way, and the earlier waits until that is done.
 */
export function judgeClaims(
  mine: number,
  others: { generation: number; claimState: ClaimState }[],
): 'free' | 'taken' | 'wait' {
  if (others.some(({ claimState }) => claimState === 'holds')) return 'taken';
  const pending = others.filter(({ claimState }) => claimState === 'pending');
  if (pending.some(({ generation }) => generation < mine)) return 'taken';
  return pending.length > 0 ? 'wait' : 'free';
}

/** Takes back the claims of a job that never started. */
export function withdrawClaims(home: Home, title: Title, id: JobId): void {
  const folder = folderOf(home, title);
  for (const one of readClaims(home, title))
    if (one.id === id) removeQuietly(`${folder}/claim.${one.generation}`);
  removeFolder(folder);
}

/** Removes the oldest of these claims: the caller has seen that none of them counts any more. */
export function pruneNameClaims(home: Home, title: Title, dead: Claim[]): void {
  const old = dead.toSorted((a, b) => b.generation - a.generation).slice(KEPT);
  for (const { generation } of old) removeQuietly(`${folderOf(home, title)}/claim.${generation}`);
}

/** Removes the folders of names that no job has any more; `inUse` are the names of the jobs that stay. */
export function forgetNames(home: Home, inUse: Title[]): void {
  const used = new Set(inUse.map(folderName));
  for (const name of namesIn(home.names)) {
    const folder = `${home.names}/${name}`;
    // nothing is removed through a link
    if (inspectDirectory(folder) !== 'ours') continue;
    const claims = claimsIn(folder);
    if (used.has(name) || claims.some(({ id }) => existsSync(home.job(id).dir))) continue;
    // one by one, and then the folder only if it is empty: a claim that is made meanwhile stays
    for (const { generation } of claims) removeQuietly(`${folder}/claim.${generation}`);
    for (const file of namesIn(folder))
      if (isAbandoned(`${folder}/${file}`)) removeQuietly(`${folder}/${file}`);
    removeFolder(folder);
  }
}

function isAbandoned(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return path.endsWith('.tmp') && stat !== undefined && Date.now() - stat.mtimeMs > ABANDONED_MS;
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (thrown) {
    ignoreSystemError(thrown);
  }
}
