/**
 * docs/json.md as data: the fields of each object and the words that a field may have. `Shown` holds the
 * objects of the program
 * against it, and knows what of the page was never shown.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './rig.ts';

interface Field {
  /** Without ` or null`, ` or absent`. */
  type: string;
  nullable: boolean;
  optional: boolean;
  text: string;
}
type Fields = Map<string, Field>;

interface Section {
  /** Those of the sections to which it links with `is [a job](…)`, too. */
  fields: Fields;
  own: ReadonlySet<string>;
  rows: string[][];
}

const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-');

const cellsOf = (line: string): string[] =>
  line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());

const plainText = (cell: string): string => cell.replaceAll('`', '');

function fieldOf([name, type, text]: string[]): [string, Field] {
  const plain = type!.replace(/ or absent$/, '');
  const optional = plain !== type;
  const nullable = plain.endsWith(' or null');
  assert.equal(nullable, /\bnull: /.test(text!), `${name}: when it is null`);
  assert.equal(optional, /\babsent: /.test(text!), `${name}: when it is absent`);
  return [plainText(name!), { type: plain.replace(/ or null$/, ''), nullable, optional, text: text! }];
}

function parsePage(): Map<string, Section> {
  const sections = new Map<string, Section>();
  const page = fs.readFileSync(join(ROOT, 'docs', 'json.md'), 'utf8');
  for (const part of page.split(/^##+ /m).slice(1)) {
    const [heading, ...lines] = part.split('\n') as [string, ...string[]];
    const rows = lines.filter((line) => line.startsWith('|')).map(cellsOf);
    const [heads, , ...body] = rows;
    const own = new Map(heads?.[1] === 'type' ? body.map(fieldOf) : []);
    const base = /\bis (?:that of )?\[[^\]]+\]\(#([\w-]+)\)/.exec(lines.join(' '))?.[1];
    const inherited = base === undefined ? [] : sections.get(base)!.fields;
    sections.set(anchorOf(heading), {
      fields: new Map([...inherited, ...own]),
      own: new Set(own.keys()),
      rows: rows,
    });
  }
  return sections;
}

/** The section to which the type is a link. */
const listOf = (type: string): string | undefined => /^\[.*\]\(#([\w-]+)\)$/.exec(type)?.[1];

const isInteger = (value: unknown): boolean => Number.isInteger(value);
const TYPES: Record<string, (value: any) => boolean> = {
  string: (value) => typeof value === 'string',
  integer: isInteger,
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  time: (value) => typeof value === 'string' && new Date(value).toISOString() === value,
  ms: (value) => isInteger(value) && value >= 0,
  bytes: (value) => isInteger(value) && value >= 0,
  path: (value) => typeof value === 'string' && value.startsWith('/'),
  code: (value) => isInteger(value) && value >= 0 && value <= 255,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

export class Shown {
  private readonly sections = parsePage();
  /** `section field: null`, `section field: a word`: what was shown. */
  private readonly seen = new Set<string>();

  /** The words of a type; undefined: it has none. */
  private wordsOf(type: string): string[] | undefined {
    const list = listOf(type);
    if (list !== undefined) return this.wordsIn(list);
    return type.startsWith('`') ? [...type.matchAll(/`([^`]+)`/g)].map(([, word]) => word!) : undefined;
  }

  /** The words of a list, such as `states`. */
  wordsIn(section: string): string[] {
    return this.sections
      .get(section)!
      .rows.slice(2)
      .map(([word]) => plainText(word!));
  }

  /** Fails unless the object is what the section says; `form`: a column of what a command looks at. */
  add(section: string, object: any, form?: string): void {
    const { v, ...rest } = object;
    assert.equal(v, 1);
    const { fields } = this.sections.get(section) ?? assert.fail(`no section ${section}`);
    this.compare(section, fields, rest, '');
    if (form === undefined) return;
    const { rows } = this.sections.get('what-a-command-looks-at')!;
    const column = rows[0]!.map(plainText).indexOf(form);
    assert.ok(column > 0, form);
    for (const row of rows.slice(2)) {
      const path = plainText(row[0]!);
      const value = path.split('.').reduce((inner, key) => inner?.[key], object) ?? null;
      // the command has a field of its own of that name
      if (fields.get(path) !== this.sections.get('a-job')!.fields.get(path)) continue;
      if (row[column] === '-') assert.equal(value, null, `${form}: ${path}`);
      else if (value !== null) this.seen.add(`${form}: ${path}`);
    }
  }

  private compare(section: string, fields: Fields, object: any, prefix: string): void {
    const depth = prefix.split(/[.[]/).length;
    const named = [...fields].filter(
      ([path]) => path.startsWith(prefix) && path.split(/[.[]/).length === depth,
    );
    const known = new Map(named.map(([path, field]) => [path.slice(prefix.length), field]));
    for (const key of Object.keys(object))
      assert.ok(known.has(key), `${section}: ${prefix}${key} is not documented: ${JSON.stringify(object)}`);
    for (const [key, { type, nullable, optional }] of known) {
      const path = `${prefix}${key}`;
      const value = object[key];
      if (value === undefined)
        assert.ok(optional, `${section}: ${path} is absent: ${JSON.stringify(object)}`);
      else if (value === null) assert.ok(nullable, `${section}: ${path} is null: ${JSON.stringify(object)}`);
      else this.judge(section, fields, path, type, value);
      this.seen.add(
        `${section} ${path}: ${value === undefined ? 'absent' : value === null ? 'null' : 'a value'}`,
      );
    }
  }

  private judge(section: string, fields: Fields, path: string, type: string, value: any): void {
    const told = `${section}: ${path} is no ${type}: ${JSON.stringify(value)}`;
    const item = /^list of (.*)$/.exec(type)?.[1];
    const words = this.wordsOf(type);
    if (item !== undefined) {
      assert.ok(Array.isArray(value), told);
      for (const one of value)
        if (item === 'object') this.compare(section, fields, one, `${path}[].`);
        else assert.ok(TYPES[item]!(one), told);
    } else if (words) {
      assert.ok(words.includes(value), told);
      this.seen.add(`${listOf(type) ?? `${section} ${path}`}: ${value}`);
    } else {
      assert.ok((TYPES[type] ?? assert.fail(`no type ${type}`))(value), told);
      if (type === 'object') this.compare(section, fields, value, `${path}.`);
    }
  }

  /**
   * What the page says and no object showed. A field that a section has from another one counts wherever it
   * was shown.
   */
  unseen(): string[] {
    const all = [...this.sections].flatMap(([section, { fields, own, rows }]) => [
      ...[...own].flatMap((path) =>
        factsOf(fields.get(path)!)
          .filter((fact) => !this.isShown(path, fields.get(path)!, fact))
          .map((fact) => `${section} ${path}: ${fact}`),
      ),
      ...(rows[0]?.[0] === 'word' ? this.wordsIn(section).map((word) => `${section}: ${word}`) : []),
    ]);
    const [heads, , ...rows] = this.sections.get('what-a-command-looks-at')!.rows;
    const looks = rows.flatMap(([path, ...cells]) =>
      cells.flatMap((cell, n) => (cell === '-' ? [] : `${plainText(heads![n + 1]!)}: ${plainText(path!)}`)),
    );
    return [...all, ...looks].filter((fact) => !this.seen.has(fact));
  }

  private isShown(path: string, field: Field, fact: string): boolean {
    return [...this.sections].some(
      ([name, { fields }]) => fields.get(path) === field && this.seen.has(`${name} ${path}: ${fact}`),
    );
  }
}

/** What has to be shown of a field. */
const factsOf = ({ type, nullable, optional }: Field): string[] => [
  'a value',
  ...(nullable ? ['null'] : []),
  ...(optional ? ['absent'] : []),
  ...(type.startsWith('`') ? [...type.matchAll(/`([^`]+)`/g)].map(([, word]) => word!) : []),
];
