/** The labels of --tag: one, or several with commas between them. */
import { fail, ok, type Result } from '../../job/failure.ts';
import { badTag } from '../messages/usage.ts';

/** Made when it is used: its classes of letters cost a third of a millisecond. */
const isTag = (text: string): boolean => /^[\p{L}\p{N}][\p{L}\p{N}._:/@+-]{0,63}$/u.test(text);

/** The labels in these texts. Fails at the first that is not a label. */
export function parseTags(texts: string[]): Result<string[]> {
  const tags = texts.flatMap((text) => text.split(','));
  const wrong = tags.find((tag) => !isTag(tag));
  return wrong === undefined ? ok(tags) : fail(badTag(wrong));
}
