/** Messages about a broken config.json. */
import { nearestWord } from '../../base/text/edit-distance.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

/** The key that was meant, if one is near: `max-log` is maxLog. */
function meantBy(key: string, known: string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');
  const near = nearestWord(plain(key), known.map(plain));
  return known.find((one) => plain(one) === near);
}

/** The file and key, what is wrong there, and what is expected. */
export function configMessageOf(
  { path, key, trouble }: Extract<Failure, { code: 'bad-config' }>,
  errnoText: (errno: string) => string,
): { message: string; hint?: string } {
  const place = `${safe(path)}${key === null ? '' : `: "${clip(safe(key), 60)}"`}`;
  const hint = `fix it, or move it away: mv ${quoteWord(path)} ${quoteWord(`${path}.bad`)}`;
  switch (trouble.kind) {
    case 'unreadable':
      return { message: `${place}: ${safe(errnoText(trouble.why))}`, hint };
    case 'unknown': {
      const meant = meantBy(key!.split('.').at(-1)!, trouble.known);
      const above = key!.slice(0, key!.lastIndexOf('.') + 1);
      const keys = trouble.known.map((one) => above + one).join(', ');
      return {
        message: `${place} is not a key of this file`,
        hint:
          meant === undefined
            ? `the keys are: ${keys}`
            : `did you mean "${above}${meant}"? the keys are: ${keys}`,
      };
    }
    case 'expected':
      return {
        message: `${place} is ${clip(safe(trouble.value), 60)}, but must be ${trouble.expected}`,
        hint,
      };
  }
}
