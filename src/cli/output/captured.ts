/** The streams of a verb that is called by a key: what it says is kept, to be shown in a line. */
import { Output } from './output.ts';

export class Captured extends Output {
  private readonly texts: string[] = [];
  constructor(env: NodeJS.ProcessEnv) {
    super(env, false);
  }

  override raw(bytes: Uint8Array): void {
    this.texts.push(Buffer.from(bytes).toString('utf8'));
  }
  override note(text: string): void {
    this.texts.push(text);
  }
  /** Nobody looks at these streams. */
  override isTerminal(): boolean {
    return false;
  }

  /** Everything in one line; an id alone says nothing to a person. */
  said(): string {
    const lines = this.texts.join('\n').split('\n');
    return lines
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/^\d+$/.test(line))
      .join('; ');
  }

  /** The id of a new job, where one was printed. */
  id(): { id?: number } {
    const line = this.texts.find((text) => /^\d+\n$/.test(text));
    return line === undefined ? {} : { id: Number(line) };
  }
}
