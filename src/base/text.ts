/**
 * From the bytes of a terminal to lines that people and programs can read. No escape sequence and no control
 * byte gets through (C0, DEL, C1, the marks that turn the direction of writing, line separators): text from
 * a job or from a record cannot steer a terminal.
 */

/** CSI; OSC, DCS, SOS, PM and APC up to their end; two-byte escapes; the same in their one-byte (C1) forms. */
const ESCAPES =
  /(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]|\x1b/g;
const ERASE_LINE = /(?:\x1b\[|\x9b)([0-2]?)K/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g;

/** One line as a terminal would show it at its end: `\r` and backspace applied, escapes and controls gone. */
export function cleanLine(line: string): string {
  if (!/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e-\u202e\u2066-\u2069]/.test(line)) return line;
  // a line that ends in \r is a line with a CRLF ending, not an overwritten one
  const text = line.replace(/\r+$/, '');
  if (!/[\r\b]/.test(text)) return text.replace(ESCAPES, '').replace(CONTROLS, '');
  // erase-line decides what an overwritten line still shows: keep it through the stripping as a control that shows nothing
  const marked = text
    .replace(/[\x01\x02]/g, '')
    .replace(ERASE_LINE, (_, part: string) => (part === '2' ? '\x02' : part === '1' ? '' : '\x01'))
    .replace(ESCAPES, '');
  let cells: string[] = [];
  let column = 0;
  for (const character of marked) {
    if (character === '\r') column = 0;
    else if (character === '\b') column = Math.max(0, column - 1);
    else if (character === '\x01') cells.length = Math.min(cells.length, column);
    else if (character === '\x02') cells = [];
    else {
      while (cells.length < column) cells.push(' ');
      cells[column++] = character;
    }
  }
  return cells.join('').replace(CONTROLS, '');
}

/** A stored string (a command, a path, a tag) on one line: what would steer a terminal is shown as `\xNN`. */
export function safe(text: string): string {
  return text
    .replace(/[\t\n]/g, (c) => (c === '\t' ? '\\t' : '\\n'))
    .replace(CONTROLS, (c) => {
      const code = c.codePointAt(0)!;
      return code < 256
        ? `\\x${code.toString(16).padStart(2, '0')}`
        : `\\u${code.toString(16).padStart(4, '0')}`;
    });
}

/** At most `limit` characters, and how many are missing: `abc…(+12)`. */
export function clip(line: string, limit: number): string {
  if (line.length <= limit) return line;
  // never cut a surrogate pair in two
  const end = /[\ud800-\udbff]/.test(line[limit - 1]!) ? limit - 1 : limit;
  return `${line.slice(0, end)}…(+${line.length - end})`;
}

/** How many of the first bytes belong to a character whose beginning is missing (0 to 3). */
export function brokenStart(bytes: Uint8Array): number {
  let n = 0;
  while (n < 3 && n < bytes.length && (bytes[n]! & 0xc0) === 0x80) n++;
  return n;
}

/** How many of the last bytes belong to a character whose end is missing (0 to 3). */
export function brokenEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/**
 * Bytes as clean lines, without their line ends. What is cut off at either side of the bytes (half a
 * character) is dropped; a line end at the very end makes no empty last line.
 */
export function readableLines(bytes: Uint8Array, clipAt = 500): string[] {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = whole.toString('utf8', brokenStart(bytes), bytes.length - brokenEnd(bytes));
  if (text === '') return [];
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
  return lines.map((line) => clip(cleanLine(line), clipAt));
}

/** `1 job`, `2 jobs`, `2 processes`. */
export function plural(amount: number, one: string, many = `${one}s`): string {
  return `${amount} ${amount === 1 ? one : many}`;
}
