/**
 * The colours and styles of a text (SGR: bold, underlined, red …) in one normal form. A styled line begins
 * and ends in the neutral state, and has no escape sequences but `\x1b[…m` before a text in another style.
 * What would hide a text is left out: conceal, and colours that cannot be told from the background.
 */

/** How text is written from here on. `style` are its parameters in the normal form; neutral: empty. */
export interface Pen {
  readonly flags: readonly number[];
  readonly ink: string;
  readonly ground: string;
  readonly style: string;
}
export const NEUTRAL: Pen = { flags: [], ink: '', ground: '', style: '' };

/** A part of a line in one style. */
export interface Run {
  text: string;
  style: string;
}

const RESET = '\x1b[0m';
const EVERY_STYLE = /\x1b\[([0-9;]*)m/g;
/** Terminals read 16 to 32 parameters. */
const MOST_PARAMETERS = 32;
/** The flags that are kept: bold, dim, italic, underlined, blinking, inverse, crossed out. */
const KEPT = [1, 2, 3, 4, 5, 7, 9];
/** `21` is a second underline, `6` a fast blinking. */
const SAME_AS: Record<number, number> = { 6: 5, 21: 4 };
const ENDED_BY: Record<number, number[]> = { 22: [1, 2], 23: [3], 24: [4], 25: [5], 27: [7], 29: [9] };

/** The pen after a sequence with these parameters. Unknown ones change nothing. */
export function afterSgr(pen: Pen, parameters: string): Pen {
  // private sequences end with `m`, too
  if (/^[<=>?]/.test(parameters)) return pen;
  let { flags, ink, ground } = pen;
  const words = parameters.split(';', MOST_PARAMETERS);
  for (let at = 0; at < words.length; at++) {
    const [head, ...parts] = words[at]!.split(':', MOST_PARAMETERS);
    const code = Number(head);
    if (code === 0) [flags, ink, ground] = [[], '', ''];
    else if (code === 4 && parts[0] !== undefined && Number(parts[0]) === 0)
      flags = flags.filter((flag) => flag !== 4);
    else if (KEPT.includes(SAME_AS[code] ?? code)) flags = [...new Set([...flags, SAME_AS[code] ?? code])];
    else if (ENDED_BY[code]) flags = flags.filter((flag) => !ENDED_BY[code]!.includes(flag));
    else if (code === 38 || code === 48 || code === 58) {
      const { color, used } =
        parts.length > 0 ? { color: ofParts(parts), used: 0 } : ofWords(words.slice(at + 1, at + 5));
      at += used;
      if (code === 38) ink = color ?? ink;
      else if (code === 48) ground = color ?? ground;
    } else if (code === 39) ink = '';
    else if (code === 49) ground = '';
    else if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) ink = basic(code - 30);
    else if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) ground = basic(code - 40);
  }
  const colors = isHidden(ink, ground) ? [] : [codeOf(ink, 30), codeOf(ground, 40)];
  const style = [...[...flags].sort((one, other) => one - other), ...colors.filter((code) => code !== '')];
  return { flags, ink, ground, style: style.join(';') };
}

/** A colour is `basic 0` to `basic 7`, `basic 60` to `67`, `5;N` or `2;R;G;B`. */
const basic = (number: number): string => `basic ${number}`;
const codeOf = (color: string, first: number): string => {
  if (color === '') return '';
  return color.startsWith('basic ') ? String(first + Number(color.slice(6))) : `${first + 8};${color}`;
};

const isByte = (word: string | undefined): boolean => /^\d{0,4}$/.test(word ?? 'none') && Number(word) < 256;
const colorOf = (words: (string | undefined)[]): string | undefined =>
  words.every(isByte) ? words.map(Number).join(';') : undefined;

/** `38;5;N` and `38;2;R;G;B`: the colour, and how many parameters belong to it. */
function ofWords(words: string[]): { color: string | undefined; used: number } {
  if (words[0] === '5') return { color: colorOf(['5', words[1]]), used: 2 };
  if (words[0] === '2') return { color: colorOf(['2', words[1], words[2], words[3]]), used: 4 };
  return { color: undefined, used: 1 };
}

/** `38:5:N` and `38:2:R:G:B`, also with a colour space before R. */
function ofParts(parts: string[]): string | undefined {
  if (parts[0] === '5') return colorOf(['5', parts[1]]);
  if (parts[0] !== '2') return undefined;
  const from = parts.length > 4 ? 2 : 1;
  return colorOf(['2', ...[0, 1, 2].map((n) => parts[from + n])]);
}

/** Red, green and blue as most terminals show a colour. */
function channelsOf(color: string): number[] {
  if (color.startsWith('2;')) return color.split(';').slice(1).map(Number);
  const number = color.startsWith('basic ') ? Number(color.slice(6)) % 52 : Number(color.slice(2));
  if (number >= 232) return new Array<number>(3).fill(8 + 10 * (number - 232));
  if (number >= 16) {
    const steps = [Math.floor((number - 16) / 36), Math.floor((number - 16) / 6) % 6, (number - 16) % 6];
    return steps.map((step) => (step === 0 ? 0 : 55 + 40 * step));
  }
  if (number === 8) return [127, 127, 127];
  return [1, 2, 4].map((bit) => ((number & bit) === 0 ? 0 : number < 8 ? 205 : 255));
}

/** How much two channels differ at least, of 255, so that an eye tells the colours apart. */
const NEAR = 24;
const isBlack = (channels: number[]): boolean => channels.every((channel) => channel <= 40);
const isWhite = (channels: number[]): boolean => channels.every((channel) => channel >= 200);

/**
 * Whether a text might not be seen: both colours are the same to an eye; or one of them is black or white,
 * and the other is that of the terminal, which may be black or white, too.
 */
function isHidden(ink: string, ground: string): boolean {
  if (ink === '' && ground === '') return false;
  const one = channelsOf(ink || ground);
  if (ink === '' || ground === '') return isBlack(one) || isWhite(one);
  const other = channelsOf(ground);
  return one.every((channel, n) => Math.abs(channel - other[n]!) <= NEAR);
}

/** One styled line of its parts. */
export function joinRuns(runs: Iterable<Run>): string {
  let [line, style] = ['', ''];
  for (const run of runs) {
    if (run.text === '') continue;
    if (run.style !== style) {
      if (style !== '') line += RESET;
      if (run.style !== '') line += `\x1b[${run.style}m`;
      style = run.style;
    }
    line += run.text;
  }
  return style === '' ? line : line + RESET;
}

/** Whether a line has colours or styles. */
const isStyled = (line: string): boolean => line.includes('\x1b[');
/** A styled line without its styles. */
export const unstyled = (line: string): string => (isStyled(line) ? line.replace(EVERY_STYLE, '') : line);

/** A part of a styled line, as a styled line: `from` and `to` count its characters without the styles. */
export function sliceStyled(line: string, from: number, to = Number.POSITIVE_INFINITY): string {
  if (!isStyled(line)) return line.slice(from, to);
  const runs: Run[] = [];
  let [at, done, style] = [0, 0, ''];
  const take = (text: string) => {
    runs.push({ text: text.slice(Math.max(0, from - done), Math.max(0, to - done)), style });
    done += text.length;
  };
  for (const found of line.matchAll(EVERY_STYLE)) {
    take(line.slice(at, found.index));
    at = found.index + found[0].length;
    style = found[1] === '0' ? '' : found[1]!;
  }
  take(line.slice(at));
  return joinRuns(runs);
}
