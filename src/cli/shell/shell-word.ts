/**
 * The words of a shell line: quotes, expansions, substitutions, comments. It knows where each ends, not what it becomes;
 * where that is not certain it gives up, which ends every loop.
 */

/** `text`: what the shell makes of it without expansions; null where only the shell can tell. */
export interface Word {
  raw: string;
  text: string | null;
}

/** Deeper nesting is given up, before the stack is. */
export const MOST_DEPTH = 100;
const EXPANSION = /\$([A-Za-z_]\w*|[\d@*#?$!-])/y;

/** Reads words; `list` (of commands, up to its closer) comes from shell-parser.ts. */
export abstract class WordScanner {
  protected readonly line: string;
  protected at = 0;
  protected depth = 0;
  gaveUp = false;
  constructor(line: string) {
    this.line = line;
  }

  /** Every loop ends at the end of the line, so this ends them all. */
  protected giveUp(): void {
    this.gaveUp = true;
    this.at = this.line.length;
  }
  protected isNext(text: string): boolean {
    return this.line.startsWith(text, this.at);
  }
  /** Moves behind the next `end`. */
  private skipPast(end: string): string {
    const found = this.line.indexOf(end, this.at);
    const skipped = this.line.slice(this.at, Math.max(found, this.at));
    if (found === -1) this.giveUp();
    else this.at = found + end.length;
    return skipped;
  }

  abstract list(closer: string): unknown;
  /** Told what stands between backquotes. */
  protected abstract backquoted(text: string): void;

  protected skipBlanks(): void {
    for (; this.at < this.line.length; this.at++) {
      const char = this.line[this.at];
      if (this.isNext('\\\n')) this.at++;
      else if (char === '#') {
        const end = this.line.indexOf('\n', this.at);
        this.at = (end === -1 ? this.line.length : end) - 1;
      } else if (char !== ' ' && char !== '\t') return;
    }
  }

  /** A word up to a blank or an operator; '' if there is none. */
  protected word(): Word {
    const from = this.at;
    let text = '';
    let plain = true;
    for (; this.at < this.line.length; ) {
      const char = this.line[this.at]!;
      if (char === "'") {
        this.at++;
        text += this.skipPast("'");
      } else if (char === '"') {
        this.at++;
        const quoted = this.quoted();
        text += quoted ?? '';
        plain &&= quoted !== null;
      } else if (char === '\\') {
        const escaped = this.line[this.at + 1] ?? '\\';
        if (escaped !== '\n') text += escaped;
        this.at += 2;
      } else if (char === '$' || char === '`' || /^[<>]\($/.test(this.line.slice(this.at, this.at + 2))) {
        if (this.skipExpansion(false)) plain = false;
        else text += '$';
      } else if (/[\s;&|()<>]/.test(char) && char !== '\r') break;
      else {
        // what may become other words, or none
        if (/[*?[\]{}]/.test(char)) plain = false;
        text += char;
        this.at++;
      }
    }
    const raw = this.line.slice(from, this.at);
    return { raw, text: plain ? text : null };
  }

  /** Behind `"`, to its end; null if it holds an expansion. */
  private quoted(): string | null {
    let text = '';
    let plain = true;
    while (this.at < this.line.length) {
      const char = this.line[this.at]!;
      if (char === '"') {
        this.at++;
        return plain ? text : null;
      }
      if (char === '$' || char === '`') {
        if (this.skipExpansion(true)) plain = false;
        else text += '$';
        continue;
      }
      const escapes = char === '\\' && /["\\$`\n]/.test(this.line[this.at + 1] ?? '');
      if (escapes) this.at++;
      text += this.line[this.at]!;
      this.at++;
    }
    this.giveUp();
    return null;
  }

  /** Moves behind `$…`, backquotes or `<(…)`; false if a `$` is only that. */
  private skipExpansion(inQuotes: boolean): boolean {
    if (++this.depth > MOST_DEPTH) this.giveUp();
    const from = this.at;
    if (this.isNext('`')) this.skipBackquotes();
    else if (this.isNext('<(') || this.isNext('>(')) {
      this.at += 2;
      this.list(')');
    } else if (this.isNext('$((')) {
      this.at++;
      this.skipArithmetic();
    } else if (this.isNext('$(')) {
      this.at += 2;
      this.list(')');
    } else if (this.isNext('${')) {
      this.at += 2;
      this.skipParameter(inQuotes);
    } else if (this.isNext('$[')) this.giveUp();
    else if (!inQuotes && this.isNext("$'")) {
      this.at += 2;
      while (this.at < this.line.length && !this.isNext("'")) this.at += this.isNext('\\') ? 2 : 1;
      if (!this.isNext("'")) this.giveUp();
      else this.at++;
    } else {
      EXPANSION.lastIndex = this.at;
      this.at += EXPANSION.exec(this.line)?.[0].length ?? 1;
    }
    this.depth--;
    return this.at > from + 1 || this.gaveUp;
  }

  private skipBackquotes(): void {
    const from = ++this.at;
    while (this.at < this.line.length && !this.isNext('`')) this.at += this.isNext('\\') ? 2 : 1;
    if (!this.isNext('`')) {
      this.giveUp();
      return;
    }
    // quotes that are not closed in here might hide its end
    const inner = this.line.slice(from, this.at++);
    if (/['"]/.test(inner.replace(/"[^"'\\`]*"|'[^"'\\`]*'/g, ''))) this.giveUp();
    else this.backquoted(inner);
  }

  /** Behind `${`, to its brace. */
  private skipParameter(inQuotes: boolean): void {
    while (this.at < this.line.length) {
      const char = this.line[this.at]!;
      if (char === '$' || char === '`') this.skipExpansion(inQuotes);
      else if (char === '}') {
        this.at++;
        return;
      } else if (char === "'") {
        // within double quotes shells differ about it
        if (inQuotes) {
          this.giveUp();
          return;
        }
        this.at++;
        this.skipPast("'");
      } else {
        this.at += char === '\\' ? 2 : 1;
        if (char === '"') this.quoted();
      }
    }
    this.giveUp();
  }

  /** At `((`, behind its `))`. */
  protected skipArithmetic(): void {
    this.at += 2;
    for (let open = 0; this.at < this.line.length; this.at++) {
      const char = this.line[this.at]!;
      if (/['"`\\]/.test(char)) {
        this.giveUp();
        return;
      }
      if (char === '(') open++;
      if (char === ')' && --open < 0) {
        if (!this.isNext('))')) {
          this.giveUp();
          return;
        }
        this.at += 2;
        return;
      }
    }
    this.giveUp();
  }

  /** Behind `[[`, to its `]]`. */
  protected skipTest(): void {
    while (this.at < this.line.length) {
      const char = this.line[this.at]!;
      if (char === '#' || char === ';') {
        this.giveUp();
        return;
      }
      const { raw } = this.word();
      if (raw === ']]') return;
      if (raw === '') this.at++;
    }
    this.giveUp();
  }
}
