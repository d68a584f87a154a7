/** Messages about the files of bgjob in a directory of a user: the home, and the page and hooks for agents. */
import { accessSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { isTooLarge, isTooLong, LARGEST_SIZE, LONGEST_DURATION } from '../../base/clock.ts';
import { ownerOf } from '../../base/fs/directories.ts';
import { attemptQuietly, succeeds } from '../../base/result.ts';
import { nearestWord } from '../../base/text/edit-distance.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { ownDirectory, userName } from '../../engine/os/users.ts';
import type { ConfigValue, Failure } from '../../job/failure.ts';
import { NOTIFY_WHENS } from '../../job/spec.ts';
import { TARGET_ENGINES } from '../../job/target.ts';
import { quoteWord } from '../../job/view.ts';
import { errnoText, type MessageAndHint, textFor, typed } from './usage.ts';

/** A home that the caller can write: below its directory in the user database, whatever HOME says. */
function writableHome(refused: string): string {
  const own = ownDirectory();
  const home = own === undefined ? refused : join(own, '.bgjob');
  const isWritable = home !== refused && succeeds(() => accessSync(own!, constants.W_OK));
  // in a container USER may be unset
  return isWritable ? typed(home) : '/tmp/bgjob-$(id -u)';
}
export function unwritable(refused: string): string {
  const own = process.geteuid!();
  const line = `export BGJOB_HOME=${writableHome(refused)}`;
  const caller = process.env['SUDO_UID'];
  // sudo passes no variable on
  if (caller !== undefined && own !== 0 && caller !== String(own))
    return (
      `sudo -u ${typed(userName(own))} env BGJOB_HOME=/tmp/bgjob-${own} bgjob ..., ` +
      `or in a shell of that user: ${line}`
    );
  return `set BGJOB_HOME to a directory that you can write: ${line}`;
}

/** A home of another user. The hint depends on the caller, and on the owner of the directory. */
function foreignMessage(place: string, home: string, owner: number): MessageAndHint {
  const own = process.geteuid!();
  const message =
    `${safe(place)} belongs to another user (${safe(userName(owner))}), ` +
    `and this call runs as ${safe(userName(own))}`;
  if (own === 0) return [message, hintForRoot(home, owner)];
  const isRoots = owner === 0 && attemptQuietly(() => ownerOf(dirname(home))) === own;
  return [
    message,
    isRoots
      ? `if no job of root runs there: sudo chown -R ${own} ${typed(home)}; ` +
        `else export BGJOB_HOME=${typed(`${home}-${own}`)}`
      : unwritable(home),
  ];
}

/** With sudo and su HOME and BGJOB_HOME may be those of another user. */
function hintForRoot(home: string, owner: number): string {
  const line = `export BGJOB_HOME=${writableHome(home)}`;
  const { SUDO_UID, BGJOB_HOME } = process.env;
  if (SUDO_UID === undefined) return line;
  const same = SUDO_UID === String(owner) ? 'the same without sudo; or for jobs of root: ' : '';
  const call = BGJOB_HOME ? 'sudo -H env -u BGJOB_HOME bgjob ...' : 'sudo -H bgjob ...';
  return `${same}${call}, or in a shell of root: ${line}`;
}

export function homeMessage({
  home,
  trouble,
  room,
  owner,
}: Extract<Failure, { code: 'home-refused' }>): MessageAndHint {
  const place = room === undefined ? home : `${home}/${room}`;
  const path = safe(place);
  const look = `ls -ld ${typed(place)}`;
  const away = unwritable(home);
  const messages: Record<typeof trouble, MessageAndHint> = {
    'symbolic-link': [
      `${path} is a symbolic link; it must be a directory that belongs to you`,
      room === undefined ? `export BGJOB_HOME=$(realpath ${typed(home)})` : look,
    ],
    'not-a-directory': [`${path} is not a directory`, room === undefined ? away : look],
    foreign:
      owner === undefined ? [`${path} belongs to another user`, away] : foreignMessage(place, home, owner),
    'in-users-home': [
      `HOME belongs to ${safe(userName(owner!))}, but this call runs as root: ` +
        `with a ${path} of root, ${safe(userName(owner!))} could not use bgjob; nothing was done`,
      hintForRoot(home, owner!),
    ],
    'open-to-others': [`other users can write ${path}`, `chmod go-w ${typed(place)}`],
    'no-fifos': [`the file system of ${path} has no FIFOs, which bgjob needs`, away],
    'not-utf-8': [`the path ${path} is not UTF-8`, away],
    'in-use': [
      `${path} holds files that are not bgjob's; bgjob needs a directory of its own`,
      `export BGJOB_HOME=${typed(home === '/' ? '/.bgjob' : `${home}/.bgjob`)}`,
    ],
    damaged: [
      `${path} is damaged: its file "format" or "token" is not as bgjob wrote it`,
      `ls -la ${typed(place)}`,
    ],
  };
  return messages[trouble];
}

/** `next`: the new bytes, null for no file; `old`: the version of the old text. */
interface SkillChange {
  place: { name: string; file: string | null; path: string; real: string; found: object | null };
  action: 'written' | 'updated' | 'unchanged' | 'removed' | 'absent';
  next: object | null;
  old: string | null;
}

/** The hooks were installed by a bgjob that was called by its path. */
export const NO_PROGRAM_FOR_HOOKS =
  'warning: there is no bgjob in PATH: hooks call it by that name, and tell nothing where it is missing';

const WOULD: Record<string, string> = {
  wrote: 'would write',
  added: 'would add',
  replaced: 'would replace',
  removed: 'would remove',
};

/** The line about it. `version`: that of this bgjob; `isTry`: nothing was done. */
export function skillChangeText(change: SkillChange, version: string, isTry: boolean): string {
  const text = doneText(change, version);
  return isTry ? text.replace(/^\w+/, (word) => WOULD[word] ?? word) : text;
}

/** The hooks that come (`+`) and go (`-`), line by line. */
export const skillShownText = ({ added, removed }: { added: string[]; removed: string[] }): string[] =>
  (
    [
      ['-', removed],
      ['+', added],
    ] as const
  ).flatMap(([sign, texts]) =>
    texts.flatMap((text) => text.split(/\r?\n/).map((line) => `  ${sign} ${safe(line)}`)),
  );

function doneText({ place, action, next, old }: SkillChange, version: string): string {
  const { name, path, real, found } = place;
  const file = safe(path) + (real === path ? '' : ` (which is ${safe(real)})`);
  const isBlock = name === 'agents-md' || name === 'codex';
  const part = name === 'codex' ? 'bgjob hooks' : 'bgjob block';
  const what = isBlock ? `the ${part} of ${file}` : file;
  const origin = old === null ? 'text that bgjob did not write' : `that of bgjob ${safe(old)}`;
  switch (action) {
    case 'written':
      return isBlock && found
        ? `added ${name === 'codex' ? 'hooks' : 'a block'} to ${file}`
        : `wrote ${file}`;
    case 'updated':
      return `replaced ${what}${old === version ? '' : `, instead of ${origin}`}`;
    case 'unchanged':
      return `${what} ${name === 'codex' ? 'are' : 'is'} up to date`;
    case 'absent':
      return `nothing to remove: ${isBlock ? `no ${part} in ${file}` : `no ${file}`}`;
    case 'removed':
      return `removed ${isBlock && !next ? file : what}${old === version ? '' : `: ${origin}`}`;
  }
}

export function skillMessage({
  path,
  trouble,
  again,
}: Extract<Failure, { code: 'skill-refused' }>): MessageAndHint {
  const file = safe(path);
  const anyway = `${safe(again)} does it all the same`;
  return textFor('kind', trouble, {
    'in-users-home': ({ owner, place }) => [
      `${place} belongs to ${safe(userName(owner))}, but this call runs as root: ` +
        `${safe(userName(owner))} could not change the ${file} that it would write; nothing was done`,
      place === 'HOME'
        ? `the same without sudo; or for root itself: sudo -H ${safe(again.replace(/ --force\b/, ''))}`
        : 'the same without sudo',
    ],
    'no-file': [`${file} is no regular file; nothing was changed`, `ls -ld ${quoteWord(path)}`],
    'not-ours': [`${file} was not written by bgjob; nothing was changed`, anyway],
    meanwhile: [`${file} was changed just now by somebody else; it stays so`, safe(again)],
    'damaged-block': [
      `${file} has half a bgjob block, or more than one; nothing was changed`,
      'leave one line "<!-- bgjob:begin -->" and one "<!-- bgjob:end -->" below it, or neither; then again',
    ],
    'damaged-hooks': ({ why }) => [
      `${file} is no hooks file that Codex could read: ${safe(why)}; nothing was changed`,
      `fix it, or move it away: mv ${quoteWord(path)} ${quoteWord(`${path}.old`)}`,
    ],
    outside: ({ real, base }) => [
      `${file} is ${safe(real)}, through a symbolic link out of ${safe(base)}; nothing was changed`,
      anyway,
    ],
    errno: ({ doing, errno }) => {
      const message = `cannot ${doing} ${file}: ${errnoText(errno)}`;
      const [folder] = /^.*\/\.claude(?=\/)/.exec(path) ?? [];
      const isRoots = folder !== undefined && attemptQuietly(() => ownerOf(folder)) === 0;
      // of a call of root in the home directory of this user
      if (isRoots && errno === 'EACCES')
        return [
          `${message}: ${safe(folder)} belongs to root`,
          `sudo chown -R ${process.geteuid!()} ${typed(folder)}`,
        ];
      if (path.endsWith('.json')) return [message, `ls -ld ${quoteWord(path)}`];
      return [message, 'bgjob skill (prints the text: put it where your agent reads it)'];
    },
  });
}

// config.json

/** The key that was meant, if one is near: `max-log` is maxLog. */
function meantBy(key: string, known: string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');
  const near = nearestWord(plain(key), known.map(plain));
  return known.find((one) => plain(one) === near);
}

const CONFIG_VALUES: Record<ConfigValue, string> = {
  duration: 'a duration such as "90s", "5m", "7d"',
  size: 'a size such as "64M", "2G"',
  'log size': 'a size of at least "64k", such as "64M", "2G"',
  'memory size': 'a size of at least "1M", such as "512M", "8G"',
  text: 'a text',
  notify: NOTIFY_WHENS.map((one) => `"${one}"`).join(' or '),
  queue: 'the name of a queue: letters, digits and . _ -, not digits alone',
  count: 'a whole number',
  object: 'an object: { … }',
  'target name': 'a name: letters, digits and . _ -, not digits alone, and not "local"',
  engine: TARGET_ENGINES.map((one) => `"${one}"`).join(' or '),
  host: 'a host as ssh takes it: "gpu1", "me@gpu1" or "ssh://me@gpu1:2222"',
  'list of words': 'a list of words for ssh, such as ["-F", "lab.cfg"]',
  'absolute path': 'a path that begins with /',
  slots: 'a whole number from 1 to 99999',
  'login node': 'the login node behind "ssh:", such as "ssh:me@login"',
  partition: 'the name of a partition, or several with commas',
  'options of sbatch':
    'a list of options of sbatch, such as ["--mem=4G", "--gres=gpu:1"]; bgjob itself gives those for the ' +
    'directory, the output, the name, arrays, the environment and other clusters',
  'line of sh': 'a line of sh, such as "module load slurm"',
};

/** The largest value of this kind, as text; undefined: the value is not too large. `json`: the value. */
function limitOf(expected: ConfigValue, json: string): string | undefined {
  const text = json.replace(/^"|"$/g, '');
  if (expected === 'duration' && isTooLong(text)) return `at most "${LONGEST_DURATION}"`;
  return /size$/.test(expected) && isTooLarge(text) ? `at most "${LARGEST_SIZE}"` : undefined;
}

export function configMessage({
  path,
  key,
  trouble,
}: Extract<Failure, { code: 'bad-config' }>): MessageAndHint {
  const place = `${safe(path)}${key === null ? '' : `: "${clip(safe(key), 60)}"`}`;
  const hint = `fix it, or move it away: mv ${quoteWord(path)} ${quoteWord(`${path}.bad`)}`;
  return textFor('kind', trouble, {
    unreadable: ({ why }) => [`${place}: ${safe(errnoText(why))}`, hint],
    unknown: ({ known }) => {
      const meant = meantBy(key!.split('.').at(-1)!, known);
      const above = key!.slice(0, key!.lastIndexOf('.') + 1);
      const question = meant === undefined ? '' : `did you mean "${above}${meant}"? `;
      const keys = known.map((one) => above + one).join(', ');
      return [`${place} is not a key of this file`, `${question}the keys are: ${keys}`];
    },
    'only-of': ({ engine }) => [
      `${place} is only for targets with "engine": "${engine}"`,
      engine === 'ssh'
        ? 'Slurm on this machine needs no host; a login node: "via": "ssh:me@login"'
        : 'remove it, or add "engine": "slurm"',
    ],
    needs: ({ key: other }) => [
      `${place} says nothing without "${other}"`,
      'add it, such as "via": "ssh:me@login"',
    ],
    missing: ({ key: missing }) => [
      `${place} has no "${missing}"`,
      `add it, such as "${missing}": "me@gpu1"`,
    ],
    expected: ({ value, expected }) => [
      `${place} is ${clip(safe(value), 60)}, but must be ${limitOf(expected, value) ?? CONFIG_VALUES[expected]}`,
      hint,
    ],
  });
}
