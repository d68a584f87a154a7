/** What `tail` says beside the lines of a log. */
import type { Pattern } from '../../base/text/pattern.ts';
import { clip, safe } from '../../base/text/sanitize.ts';

const MOST_PATTERN = 80;

export const noMatchText = ({ text }: Pattern): string =>
  `(no line matches "${clip(safe(text), MOST_PATTERN)}")`;
