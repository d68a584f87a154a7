/** Lines in a piece of a log: how many there are, and where the last of them begin. */

/** The last line counts, too, if it has no newline. */
export function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) count++;
  return bytes.length > 0 && bytes.at(-1) !== 10 ? count + 1 : count;
}

/** Where the last `lines` lines begin in `bytes`; `cut`: the bytes begin in the middle of a longer log. */
export function startOfLastLines(bytes: Buffer, lines: number, cut: boolean): number {
  if (lines <= 0) return bytes.length;
  // a newline at the very end closes the last line
  let at = bytes.length - 1;
  if (at >= 0 && bytes[at] === 10) at--;
  for (let left = lines; left > 0; left--) {
    const newline = at < 0 ? -1 : bytes.lastIndexOf(10, at);
    if (newline === -1) {
      // the beginning of this line is out of reach: leave the half line out unless it is all there is
      const whole = bytes.indexOf(10);
      return cut && left < lines && whole !== -1 && whole < bytes.length - 1 ? whole + 1 : 0;
    }
    if (left === 1) return newline + 1;
    at = newline - 1;
  }
  return 0;
}
