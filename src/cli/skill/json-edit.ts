/**
 * Adds and removes parts of JSON text, and leaves every other byte as it is. Pure. The text must be JSON that
 * JSON.parse has read. A part that was added is removed without a trace: what holds it goes with it, if it was
 * made for it. `[ {…}]`, with one space and no more, says that the brackets were there, empty, before it.
 */

/** A member of an object (`key`), or an item of a list (null). Offsets into the text. */
export interface Part {
  key: string | null;
  from: number;
  value: number;
  to: number;
}

/** An object or a list: where it opens (behind the bracket), and what it holds. */
export interface Container {
  open: number;
  parts: Part[];
}

const TOKEN = /\s*("[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+)/y;

/** The object or list that begins at, or behind blanks at, this offset. Nested ones are passed over. */
export function containerAt(text: string, at: number): Container {
  const parts: Part[] = [];
  let open = -1;
  let depth = 0;
  let part: Part | undefined;
  TOKEN.lastIndex = at;
  for (;;) {
    const token = TOKEN.exec(text)?.[1];
    if (token === undefined) throw new Error('no JSON');
    const to = TOKEN.lastIndex;
    if (depth === 0) {
      open = to;
      depth = 1;
      continue;
    }
    const isClosing = token === '}' || token === ']';
    if (depth === 1 && (isClosing || token === ',')) {
      if (part) parts.push(part);
      part = undefined;
      if (isClosing) return { open, parts };
      continue;
    }
    if (depth === 1 && token === ':') {
      part!.key = JSON.parse(text.slice(part!.from, part!.to)) as string;
      part!.value = -1;
      continue;
    }
    part ??= { key: null, from: to - token.length, value: to - token.length, to };
    if (part.value < 0) part.value = to - token.length;
    if (isClosing) depth -= 1;
    else if (token === '{' || token === '[') depth += 1;
    part.to = to;
  }
}

/** A cut or an insertion; both in one is not needed. */
export interface Edit {
  at: number;
  cut: number;
  text: string;
}

export const applyEdit = (text: string, { at, cut, text: added }: Edit): string =>
  text.slice(0, at) + added + text.slice(at + cut);

/**
 * Adds a part at the end of a container, laid out as the part before it. `level`: how deep its parts are, from
 * which the indentation follows.
 */
export function additionTo(
  text: string,
  { open, parts }: Container,
  level: number,
  key: string | null,
  value: unknown,
): Edit {
  const last = parts.at(-1);
  const gap = last ? /\s*$/.exec(text.slice(open, last.from))![0] : ' ';
  const indent = /\n([ \t]*)$/.exec(gap)?.[1];
  const unit = indent?.slice(0, Math.floor(indent.length / level)) || '  ';
  const end = gap.includes('\r\n') ? '\r\n' : '\n';
  const body =
    indent === undefined
      ? JSON.stringify(value)
      : JSON.stringify(value, null, unit).replaceAll('\n', end + indent);
  const name = key === null ? '' : `${JSON.stringify(key)}:${indent === undefined && gap === '' ? '' : ' '}`;
  return { at: last?.to ?? open, cut: 0, text: `${last ? ',' : ''}${gap}${name}${body}` };
}

/**
 * Removes a part. `path`: from the outermost container to the one that holds the part, each with the index of
 * the part that leads on. Null: nothing would be left of the text.
 */
export function removalOf(text: string, path: [Container, number][]): Edit | null {
  for (const [{ open, parts }, index] of path.toReversed()) {
    const { from, to } = parts[index]!;
    const [before, after] = [parts[index - 1], parts[index + 1]];
    if (before) return { at: before.to, cut: to - before.to, text: '' };
    if (after) return { at: from, cut: after.from - from, text: '' };
    if (text[open] === ' ' && from === open + 1) return { at: open, cut: to - open, text: '' };
  }
  return null;
}
