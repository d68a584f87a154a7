/** The words of `with`: the command of the server, and that of the tests. */
import { fail, ok, type Result } from '../../job/failure.ts';
import { quoteWord } from '../../job/view.ts';
import { withRefusal } from '../messages/control.ts';

interface WithWords {
  server: string[];
  tests: string[];
}

/**
 * `separated`: a `--` stood before the words. Then the next one begins the tests, else the first. `typed`:
 * the whole call behind `with`, to show it as it should be.
 */
export function splitCommands(words: string[], separated: boolean, typed: string[]): Result<WithWords> {
  const at = words.indexOf('--');
  const server = at < 0 ? words : words.slice(0, at);
  const tests = at < 0 ? [] : words.slice(at + 1);
  if (words.length === 0 || server.length === 0) return fail(withRefusal.words());
  if (!separated && server[0] === '-') return fail(withRefusal.script());
  const call = typed.map(quoteWord).join(' ');
  if (at < 0) return fail(withRefusal.oneCommand(call));
  if (tests.length === 0) return fail(withRefusal.noTests(call));
  // `npm run dev -- --port 3000 -- npm test`: the server has a -- of its own
  const next = tests.indexOf('--');
  if (tests[0]!.startsWith('-')) {
    const line = [...server, '--', ...(next < 0 ? tests : tests.slice(0, next))].map(quoteWord).join(' ');
    const options = typed.slice(0, typed.length - words.length - (separated ? 1 : 0)).map(quoteWord);
    const rest = next < 0 ? ['npm', 'test'] : tests.slice(next + 1).map(quoteWord);
    return fail(withRefusal.serverLine(tests[0]!, [...options, quoteWord(line), '--', ...rest].join(' ')));
  }
  return ok({ server, tests });
}
