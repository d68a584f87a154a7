/** Labels of jobs as they are typed: one, or several with commas between them. */
import { clip, safe } from '../../base/text/sanitize.ts';
import { fail, ok, type Result } from '../../job/failure.ts';

const TAG = /^[\p{L}\p{N}][\p{L}\p{N}._:/@+-]{0,63}$/u;

/** Every label of these texts, or the first that is none. */
export function parseTags(texts: string[]): Result<string[]> {
  const tags = texts.flatMap((text) => text.split(','));
  const wrong = tags.find((tag) => !TAG.test(tag));
  if (wrong === undefined) return ok(tags);
  const message = `--tag: "${clip(safe(wrong), 80)}" is not a label of letters, digits and . _ : / @ + -`;
  return fail({ code: 'usage', message });
}
