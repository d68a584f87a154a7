/** A config.json that is not as it should be, in words. */
import { clip, safe } from '../../base/text/sanitize.ts';
import type { Failure } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';

/** How many letters must be added, taken away or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, n) => n);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    row = next;
  }
  return row[b.length]!;
}

/** The key that was meant, if one is like it: `max-log` is maxLog. */
function meantBy(key: string, known: string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[^a-z]/g, '');
  const [nearest] = known
    .map((one) => ({ one, far: distance(plain(key).slice(0, 40), plain(one)) }))
    .sort((a, b) => a.far - b.far);
  return nearest && nearest.far <= Math.max(2, nearest.one.length / 3) ? nearest.one : undefined;
}

/** What is wrong, in which file, at which key; and what was expected there. */
export function configMessageOf(
  { path, key, trouble }: Extract<Failure, { code: 'bad-config' }>,
  errnoText: (errno: string) => string,
): { message: string; hint?: string } {
  const place = `${safe(path)}${key === null ? '' : `: "${clip(safe(key), 60)}"`}`;
  const hint = `mend it, or put it away: mv ${quoteWord(path)} ${quoteWord(`${path}.bad`)}`;
  switch (trouble.kind) {
    case 'unreadable':
      return { message: `${place}: ${safe(errnoText(trouble.why))}`, hint };
    case 'unknown': {
      const meant = meantBy(key!.split('.').at(-1)!, trouble.known);
      const above = key!.slice(0, key!.lastIndexOf('.') + 1);
      const keys = trouble.known.map((one) => above + one).join(', ');
      return {
        message: `${place} is no key of this file`,
        hint:
          meant === undefined ? `there are: ${keys}` : `did you mean "${above}${meant}"? there are: ${keys}`,
      };
    }
    case 'expected':
      return { message: `${place} is ${clip(safe(trouble.value), 60)}, and not ${trouble.expected}`, hint };
  }
}
