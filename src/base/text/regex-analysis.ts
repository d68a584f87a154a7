/**
 * Facts about a regular expression, computed from its tree before it is used: strings that every match
 * contains, and the most steps that a backtracking engine can take. Both are safe bounds: a match never
 * misses the strings, and no text of that length takes more steps.
 */
import type { AST } from '@eslint-community/regexpp';

/** With more strings than this, a search for them is no faster than the expression itself. */
const MOST_LITERALS = 16;

interface Need {
  /** The only text that this part matches; null if there are several, or none is known. */
  exact: string | null;
  /** One of these is in every match; null if nothing is known. */
  oneOf: string[] | null;
}
const NOTHING: Need = { exact: null, oneOf: null };

/**
 * One of these strings is in every matching line; null if none is known. With `ignoreCase` they are ASCII.
 */
export function literalsOf(tree: AST.Pattern, ignoreCase: boolean): string[] | null {
  // half a surrogate pair, and the replacement character: in UTF-8 these stand for other bytes
  const foreign = ignoreCase
    ? /[^\x00-\x7f]/
    : /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\ufffd/;
  return needOfAny(tree.alternatives, foreign).oneOf;
}

/** The longest part of a literal whose bytes are known; null if nothing is left. */
function usable(text: string, foreign: RegExp): string[] | null {
  const parts = text.split(new RegExp(foreign, 'g'));
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '');
  return longest === '' ? null : [longest];
}

function needOfAny(alternatives: AST.Alternative[], foreign: RegExp): Need {
  const needs = alternatives.map((each) => needOfSequence(each.elements, foreign));
  if (needs.length === 1) return needs[0]!;
  const all: string[] = [];
  for (const { oneOf } of needs) {
    if (!oneOf) return NOTHING;
    all.push(...oneOf);
  }
  return all.length > MOST_LITERALS ? NOTHING : { exact: null, oneOf: [...new Set(all)] };
}

function needOfSequence(elements: AST.Element[], foreign: RegExp): Need {
  let best: string[] | null = null;
  let run = '';
  let exact: string | null = '';
  const shortest = (texts: string[]): number => Math.min(...texts.map((text) => text.length));
  const offer = (texts: string[] | null): void => {
    if (texts && (!best || shortest(texts) > shortest(best))) best = texts;
  };
  for (const element of elements) {
    // an assertion takes no characters: the text around it stays together
    if (element.type === 'Assertion') {
      exact = null;
      continue;
    }
    const need = needOf(element, foreign);
    if (need.exact !== null) {
      run += need.exact;
      if (exact !== null) exact += need.exact;
      continue;
    }
    offer(usable(run, foreign));
    offer(need.oneOf);
    run = '';
    exact = null;
  }
  offer(usable(run, foreign));
  return { exact, oneOf: best };
}

function needOf(element: AST.Element | AST.QuantifiableElement, foreign: RegExp): Need {
  switch (element.type) {
    case 'Character':
      return { exact: String.fromCodePoint(element.value), oneOf: null };
    case 'CharacterClass': {
      const [only, ...others] = element.elements;
      return !element.negate && others.length === 0 && only?.type === 'Character'
        ? needOf(only, foreign)
        : NOTHING;
    }
    case 'Group':
      // modifiers such as (?i:…) change what the characters match
      return element.modifiers ? NOTHING : needOfAny(element.alternatives, foreign);
    case 'CapturingGroup':
      return needOfAny(element.alternatives, foreign);
    case 'Quantifier': {
      if (element.min === 0) return NOTHING;
      const { exact, oneOf } = needOf(element.element, foreign);
      return { exact: null, oneOf: exact === null ? oneOf : usable(exact, foreign) };
    }
    default:
      return NOTHING;
  }
}

/** In how many ways a part can match from one position, and how many steps all these attempts take. */
interface Effort {
  ways: number;
  steps: number;
}

/** The most steps that testing a line of `length` characters can take. */
export function stepsOf(tree: AST.Pattern, length: number): number {
  const { steps } = effortOfAny(tree.alternatives, length);
  return isAnchored(tree.alternatives) ? length + steps : (length + 1) * steps;
}

const isAnchored = (alternatives: AST.Alternative[]): boolean =>
  alternatives.every(({ elements: [first] }) => first?.type === 'Assertion' && first.kind === 'start');

function effortOfAny(alternatives: AST.Alternative[], length: number): Effort {
  const sum = { ways: 0, steps: 1 };
  for (const { elements } of alternatives) {
    const { ways, steps } = effortOfSequence(elements, length);
    sum.ways += ways;
    sum.steps += steps;
  }
  return sum;
}

/** After each way through one element, all following elements are tried again. */
function effortOfSequence(elements: AST.Element[], length: number): Effort {
  const sum = { ways: 1, steps: 1 };
  for (const element of elements) {
    const { ways, steps } = effortOf(element, length);
    sum.steps += sum.ways * steps;
    sum.ways *= ways;
  }
  return sum;
}

function effortOf(element: AST.Element | AST.QuantifiableElement, length: number): Effort {
  switch (element.type) {
    case 'Group':
    case 'CapturingGroup':
      return effortOfAny(element.alternatives, length);
    case 'Assertion':
      // an assertion that holds is never tried again in another way
      return 'alternatives' in element
        ? { ways: 1, steps: effortOfAny(element.alternatives, length).steps }
        : { ways: 1, steps: 1 };
    case 'Backreference':
      return { ways: 1, steps: length + 1 };
    case 'Quantifier':
      return effortOfRepeat(element, length);
    default:
      return { ways: 1, steps: 1 };
  }
}

function effortOfRepeat({ min, max, element }: AST.Quantifier, length: number): Effort {
  const { ways, steps } = effortOf(element, length);
  // beyond `min`, a round that takes no character ends the repetition
  const rounds = Math.max(min, Math.min(max, length));
  if (ways === 1) return { ways: rounds - min + 1, steps: (rounds + 1) * (steps + 1) };
  // a tree with `ways` branches and `rounds` levels
  const leaves = ways ** rounds;
  return { ways: leaves * 2, steps: steps * leaves * 2 + 1 };
}
