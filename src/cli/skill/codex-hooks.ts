/**
 * Our hooks in the hooks file of Codex, beside those of others, which stay byte for byte. Pure. Ours are added
 * behind the others: Codex remembers by its position which hook the user trusts.
 */
import { isDeepStrictEqual } from 'node:util';
import { hookEntries } from '../hook/hooks-json.ts';
import { isOurHandler } from './hooks.ts';
import { additionTo, applyEdit, type Container, containerAt, type Edit, removalOf } from './json-edit.ts';

/** `text` null: no file is left. `added` and `removed`: what a reader would see change. */
export interface HooksEdit {
  text: string | null;
  added: string[];
  removed: string[];
}

/** A hook of ours, and the path of the part to cut: the hook, or its group if all hooks in it are ours. */
interface Ours {
  event: string;
  handler: unknown;
  path: [Container, number][];
}

/** Why Codex could not read the file; undefined: it could. Blank text is no file yet. */
export function hooksTrouble(text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return `it is not JSON: ${thrown.message}`;
    throw thrown;
  }
  if (!isObject(value)) return 'it holds no object';
  const root = containerAt(text, 0);
  if (hasTwice(root)) return 'it has a key twice';
  const hooks = (value as { hooks?: unknown }).hooks;
  if (hooks === undefined) return undefined;
  if (!isObject(hooks)) return '"hooks" is no object';
  if (hasTwice(containerAt(text, root.parts.find(({ key }) => key === 'hooks')!.value)))
    return '"hooks" has an event twice';
  const [wrong] = Object.entries(hooks).find(([, groups]) => !Array.isArray(groups)) ?? [];
  return wrong === undefined ? undefined : `${JSON.stringify(wrong)} is no list`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const hasTwice = ({ parts }: Container): boolean => new Set(parts.map(({ key }) => key)).size < parts.length;

function findOurs(text: string): Ours[] {
  const root = containerAt(text, 0);
  const hooksAt = root.parts.findIndex(({ key }) => key === 'hooks');
  if (hooksAt < 0) return [];
  const hooks = containerAt(text, root.parts[hooksAt]!.value);
  return hooks.parts.flatMap(({ key, value }, eventAt) => {
    const groups = containerAt(text, value);
    return groups.parts.flatMap((group, groupAt): Ours[] => {
      const read = JSON.parse(text.slice(group.value, group.to)) as { hooks?: unknown } | null;
      if (!Array.isArray(read?.hooks)) return [];
      const inGroup = containerAt(text, group.value);
      const handlers = inGroup.parts.findIndex((part) => part.key === 'hooks');
      const list = containerAt(text, inGroup.parts[handlers]!.value);
      const path: Ours['path'] = [
        [root, hooksAt],
        [hooks, eventAt],
        [groups, groupAt],
      ];
      const isAllOurs = read.hooks.every(isOurHandler);
      return read.hooks.flatMap((handler: unknown, at): Ours[] => {
        if (!isOurHandler(handler)) return [];
        return [
          { event: key!, handler, path: isAllOurs ? path : [...path, [inGroup, handlers], [list, at]] },
        ];
      });
    });
  });
}

/** The file without our hooks. */
export function withoutOurHooks(text: string): HooksEdit {
  const removed: string[] = [];
  for (let now = text; ; ) {
    const [ours] = findOurs(now);
    if (!ours) return { text: now, added: [], removed };
    const edit = removalOf(now, ours.path);
    if (!edit) return { text: null, added: [], removed: [...removed, now.trim()] };
    removed.push(cutText(now, edit));
    now = applyEdit(now, edit);
  }
}

const cutText = (text: string, { at, cut }: Edit): string =>
  text.slice(at, at + cut).replace(/^,?\s+|,?\s+$/g, '');

/** The file with our hooks; `text` null: there is no file yet. The same text: they are there. */
export function withOurHooks(text: string | null): HooksEdit {
  if (text === null) return freshFile();
  const present = findOurs(text);
  const wanted = Object.entries(hookEntries('codex'));
  const isCurrent =
    present.length === wanted.length &&
    wanted.every(([event, groups]) =>
      present.some((one) => one.event === event && isDeepStrictEqual(one.handler, groups[0]!.hooks[0])),
    );
  if (isCurrent) return { text, added: [], removed: [] };
  const before = withoutOurHooks(text);
  if (before.text === null) return { ...freshFile(), removed: before.removed };
  let now = before.text;
  const added: string[] = [];
  for (const [event, groups] of wanted) {
    const edit = additionOf(now, event, groups);
    added.push(edit.text.replace(/^,?\s*/, ''));
    now = applyEdit(now, edit);
  }
  return { text: now, added, removed: before.removed };
}

function freshFile(): HooksEdit {
  const text = `${JSON.stringify({ hooks: hookEntries('codex') }, null, 2)}\n`;
  return { text, added: [text.trim()], removed: [] };
}

function additionOf(text: string, event: string, groups: object[]): Edit {
  const root = containerAt(text, 0);
  const hooks = root.parts.find(({ key }) => key === 'hooks');
  if (!hooks) return additionTo(text, root, 1, 'hooks', { [event]: groups });
  const events = containerAt(text, hooks.value);
  const found = events.parts.find(({ key }) => key === event);
  if (!found) return additionTo(text, events, 2, event, groups);
  return additionTo(text, containerAt(text, found.value), 3, null, groups[0]);
}
