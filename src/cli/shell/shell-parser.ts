/**
 * A shell line taken apart as far as its pipelines and redirections. Nothing is expanded or judged here. Whatever is not
 * understood for certain (`case`, functions, arrays, anything unbalanced) makes it give up. Each character is looked at a
 * bounded number of times.
 */
import { MOST_DEPTH, type Word, WordScanner } from './shell-word.ts';

/** `fd`: the number typed before it; null if none was, -1 for `{name}>`. */
export interface Redirect {
  fd: number | null;
  operator: string;
  target: Word;
}
/** `compound`: a group, a subshell, a loop, a condition; its own commands are not kept. */
export interface ShellCommand {
  words: Word[];
  redirects: Redirect[];
  compound: boolean;
}
/** `end`: what stands behind it; a newline counts as `;`. */
export interface Pipeline {
  commands: ShellCommand[];
  end: '&' | ';' | '&&' | '||' | '';
}

const REDIRECT = /(?:(\d+|\{[A-Za-z_]\w*\})?(<<<|<<-|<<|<>|<&|>>|>&|>\||<|>)|(&>>|&>))/y;
/** Compound commands and the word that closes them. */
const CLOSER: Record<string, string> = { if: 'fi', while: 'done', until: 'done', for: 'done', '{': '}' };
const BETWEEN = new Set(['then', 'else', 'elif', 'do']);
const NOT_UNDERSTOOD = new Set(['case', 'esac', 'function', 'select', 'coproc', 'fi', 'done', '}', ']]']);

const emptyCommand = (): ShellCommand => ({ words: [], redirects: [], compound: false });

class LineScanner extends WordScanner {
  /** A pipe was met, on any level. */
  hasPipe = false;
  private readonly heredocs: { end: string; quoted: boolean; tabs: boolean }[] = [];

  /** The pipelines up to `closer`, which is consumed; '' is the end of the line. */
  override list(closer: string, first = emptyCommand()): Pipeline[] {
    const pipelines: Pipeline[] = [];
    let commands: ShellCommand[] = [];
    let command = first;
    const isBegun = () => command.compound || command.words.length + command.redirects.length > 0;
    const end = (by: Pipeline['end'] | '|'): void => {
      if (!isBegun()) {
        this.giveUp();
        return;
      }
      commands.push(command);
      command = emptyCommand();
      if (by === '|') return;
      pipelines.push({ commands, end: by });
      commands = [];
    };
    /** Nothing may dangle: `a |`, `a &&`. */
    const close = (): Pipeline[] => {
      if (isBegun()) end('');
      const last = pipelines.at(-1)?.end;
      if (commands.length > 0 || last === '&&' || last === '||') this.giveUp();
      return pipelines;
    };
    if (++this.depth > MOST_DEPTH) this.giveUp();
    for (;;) {
      this.skipBlanks();
      const char = this.line[this.at];
      if (char === undefined) {
        if (closer !== '' || this.heredocs.length > 0) this.giveUp();
        this.depth--;
        return close();
      }
      const redirect = this.redirect();
      if (redirect) command.redirects.push(redirect);
      else if (char === '\n') {
        this.at++;
        this.skipHeredocs();
        if (isBegun()) end(';');
      } else if (/[;&|]/.test(char)) {
        const operator = /&&|\|\||\|&|;;|;&|[;&|]/y;
        operator.lastIndex = this.at;
        const found = operator.exec(this.line)![0];
        this.at += found.length;
        if (found === '|' || found === '|&') this.hasPipe = true;
        if (found === ';;' || found === ';&') this.giveUp();
        else end(found === '|&' ? '|' : (found as Pipeline['end'] | '|'));
      } else if (char === ')') {
        this.at++;
        if (closer !== ')') this.giveUp();
        this.depth--;
        return close();
      } else if (char === '(') {
        // behind words it is an array, a pattern, or the beginning of a function
        if (isBegun()) this.giveUp();
        else {
          command.compound = true;
          this.parenthesis();
        }
      } else {
        const word = this.word();
        if (isBegun()) {
          if (command.compound) this.giveUp();
          command.words.push(word);
        } else if (word.raw === closer) {
          this.depth--;
          return close();
        } else if (BETWEEN.has(word.raw)) {
          if (closer !== 'fi' && closer !== 'done') this.giveUp();
        } else if (NOT_UNDERSTOOD.has(word.raw)) this.giveUp();
        else if (word.raw === '!' || word.raw === 'time') continue;
        else if (word.raw === '[[') {
          command.compound = true;
          this.skipTest();
        } else if (Object.hasOwn(CLOSER, word.raw)) {
          command.compound = true;
          this.compound(word);
        } else command.words.push(word);
      }
    }
  }

  protected override backquoted(text: string): void {
    const inner = new LineScanner(text.replace(/\\([\\$`])/g, '$1'));
    inner.list('');
    this.hasPipe ||= inner.hasPipe;
  }

  private compound(word: Word): void {
    const head = emptyCommand();
    if (word.raw === 'for') {
      this.skipBlanks();
      if (this.isNext('((')) this.skipArithmetic();
      head.words.push(word);
    }
    this.list(CLOSER[word.raw]!, head);
  }
  private parenthesis(): void {
    if (this.isNext('((')) {
      this.skipArithmetic();
      return;
    }
    this.at++;
    this.list(')');
  }

  private redirect(): Redirect | undefined {
    REDIRECT.lastIndex = this.at;
    const [all, fd, one, both] = REDIRECT.exec(this.line) ?? [];
    if (all === undefined) return undefined;
    const isSubstitution = (one === '<' || one === '>') && this.line[this.at + all.length] === '(';
    if (isSubstitution && fd === undefined) return undefined;
    if (isSubstitution) this.giveUp();
    this.at += all.length;
    this.skipBlanks();
    const target = this.word();
    const operator = (one ?? both)!;
    if (target.raw === '') this.giveUp();
    if (operator === '<<' || operator === '<<-') {
      if (target.text === null) this.giveUp();
      const quoted = target.text !== target.raw;
      this.heredocs.push({ end: target.text ?? '', quoted, tabs: operator === '<<-' });
    }
    return { fd: fd === undefined ? null : fd.startsWith('{') ? -1 : Number(fd), operator, target };
  }

  /** The bodies of here-documents, which begin behind the newline that ends their line. */
  private skipHeredocs(): void {
    for (const { end, quoted, tabs } of this.heredocs.splice(0)) {
      // an escaped newline joins the lines of a body, so that the second one cannot be its end
      for (let joined = false; ; ) {
        if (this.at >= this.line.length) {
          this.giveUp();
          return;
        }
        const newline = this.line.indexOf('\n', this.at);
        const body = this.line.slice(this.at, newline === -1 ? this.line.length : newline);
        this.at += body.length + 1;
        if (!joined && (tabs ? body.replace(/^\t+/, '') : body) === end) break;
        joined = !quoted && body.endsWith('\\');
        if (joined && body.endsWith('\\\\')) {
          this.giveUp();
          return;
        }
      }
    }
    this.at = Math.min(this.at, this.line.length);
  }
}

/** Whether a line holds a pipe, on any level; undefined where only a shell can tell. */
export function hasParsedPipe(line: string): boolean | undefined {
  const scanner = new LineScanner(line);
  scanner.list('');
  return scanner.hasPipe || !scanner.gaveUp ? scanner.hasPipe : undefined;
}

/** The pipelines of a shell line; undefined where only a shell can tell. */
export function parseShellLine(line: string): Pipeline[] | undefined {
  const scanner = new LineScanner(line);
  const pipelines = scanner.list('');
  return scanner.gaveUp ? undefined : pipelines;
}
