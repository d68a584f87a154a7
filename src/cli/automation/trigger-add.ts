/** `trigger add` and `trigger rotate`: a trigger from words, its listener started, its secret shown once. */
import { attempt } from '../../base/fs/atomic-write.ts';
import { clip, safe } from '../../base/text/sanitize.ts';
import { ensureServed, listenerOf, wakeServices } from '../../engine/automation/service-jobs.ts';
import { addTemplate, removeTemplate } from '../../job/automation/template-records.ts';
import {
  type Address,
  headerVariable,
  isLoopback,
  listTriggers,
  readTrigger,
  replaceTrigger,
  type Trigger,
  urlOf,
} from '../../job/automation/trigger.ts';
import { type Failure, fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { isName } from '../../job/home/project.ts';
import { commandText, quoteWord } from '../../job/view.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { pipefailNotes, printWarnings } from '../messages/warnings.ts';
import { type Output, objectText } from '../output/output.ts';
import { bootNote } from './boot-entry.ts';
import { checkPortOwner, chooseAddress, openNote, parseListen } from './listen-address.ts';
import { parseTemplate, TEMPLATE_OPTIONS } from './template-draft.ts';
import { triggerObject } from './trigger-table.ts';

const { name: _, ...JOB_OPTIONS } = TEMPLATE_OPTIONS;

export const TRIGGER_OPTIONS = {
  listen: {
    kind: 'text',
    value: 'ADDR[:PORT]',
    text: 'the address for deliveries (default: 127.0.0.1, with the port of the other triggers, or a free one)',
    group: 'With add',
  },
  header: {
    kind: 'list',
    value: 'NAMES',
    text: 'headers of a delivery to pass to its job: X-GitHub-Event becomes BGJOB_HEADER_X_GITHUB_EVENT',
  },
  host: {
    kind: 'list',
    value: 'NAMES',
    text: 'more host names that a tunnel or proxy may use; all other names are refused',
  },
  ...JOB_OPTIONS,
} as const;
type TriggerInput = Input<typeof TRIGGER_OPTIONS>;

const EXAMPLE = 'bgjob trigger add deploy -- ./deploy.sh';
const usage = (message: string, hint: string): { ok: false; failure: Failure } =>
  fail({ code: 'usage', message, hint });

/** node:crypto is loaded here alone: most commands need none. */
function newSecret(): string {
  const { randomBytes } = require('node:crypto') as typeof import('node:crypto');
  return randomBytes(32).toString('hex');
}
const namesOf = (list: string[]): string[] => [
  ...new Set(list.flatMap((text) => text.split(',')).filter((name) => name !== '')),
];

/** Who has these may start the job, or is somebody else there. */
const SECRET_HEADERS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-hub-signature',
  'x-hub-signature-256',
];

function headersOf(list: string[]): Result<string[]> {
  const names = namesOf(list);
  for (const name of names) {
    const shown = clip(safe(name), 80);
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name))
      return usage(`--header: "${shown}" is no name of a header`, '--header X-GitHub-Event');
    if (SECRET_HEADERS.includes(name.toLowerCase()))
      return usage(`--header: ${shown} is a secret, and no job gets it`, '--header X-GitHub-Event');
    const same = names.find((one) => one !== name && headerVariable(one) === headerVariable(name));
    if (same !== undefined)
      return usage(`--header: ${shown} and ${same} would both be ${headerVariable(name)}`, EXAMPLE);
  }
  return ok(names);
}

function hostsOf(list: string[]): Result<string[]> {
  const names = namesOf(list).map((name) => name.toLowerCase());
  const wrong = names.find((name) => !/^([a-z0-9_-][a-z0-9._-]{0,252}|\[[0-9a-f:.]+\])$/.test(name));
  return wrong === undefined
    ? ok(names)
    : usage(
        `--host: "${clip(safe(wrong), 80)}" is no name of a host: without http:// and without a port`,
        '--host hooks.example.com',
      );
}

/** Adds a trigger. `words`: its name, then the command. */
export async function addTrigger(
  context: Context,
  { options, separated }: Pick<TriggerInput, 'options' | 'separated'>,
  words: string[],
): Promise<Result<Exit>> {
  const [name, ...command] = words;
  if (name === undefined) return usage('trigger add needs a name and a command', EXAMPLE);
  if (!isName(name))
    return usage(
      `"${clip(safe(name), 80)}" is not a name: letters, digits and . _ - (64 at most), a letter or digit first, not digits alone`,
      EXAMPLE,
    );
  if (command.length === 0) return usage('trigger add needs a command, too', EXAMPLE);
  const wanted = parseListen(options.listen);
  if (!wanted.ok) return wanted;
  const headers = headersOf(options.header);
  if (!headers.ok) return headers;
  const hosts = hostsOf(options.host);
  if (!hosts.ok) return hosts;
  const opened = context.makeHome();
  if (!opened.ok) return opened;
  const home = opened.value;
  const taken = () => fail({ code: 'starter-taken', kind: 'trigger', name });
  if (listTriggers(home).includes(name)) return taken();
  const made = parseTemplate(context, { options: { ...options, name }, separated }, command, () => false);
  if (!made.ok) return made;
  const address = await chooseAddress(home, wanted.value);
  if (!address.ok) return address;
  const trigger: Trigger = {
    ...made.value.template,
    host: address.value.host,
    port: address.value.port,
    secret: newSecret(),
    headers: headers.value,
    hosts: hosts.value,
  };
  const paths = home.trigger(name);
  const added = attempt('write', paths.dir, () => addTemplate(home, home.triggers, paths, trigger));
  if (!added.ok) return added;
  if (!added.value) return taken();
  const served = await serve(home, trigger);
  if (!served.ok) {
    // nobody saw its secret, and nobody serves it: it never was
    attempt('remove trigger', paths.dir, () => removeTemplate(home, paths));
    return served;
  }
  if (!isLoopback(trigger.host))
    printWarnings(context.output, [{ code: 'open-listener', message: openNote(trigger.host) }]);
  const lost = await printSecret(context, home, trigger);
  if (lost !== undefined) {
    // nor can anybody use it
    attempt('remove trigger', paths.dir, () => removeTemplate(home, paths));
    wakeServices(home.triggers);
    const undone = `so trigger ${name} was not added: nobody would know its secret`;
    return secretLost(lost, undone, 'the same again, with a stdout that takes the secret');
  }
  if (!context.output.json) printUse(context.output, trigger, made.value.passed);
  const notes = [...pipefailNotes(trigger.draft, !options['no-pipefail']), bootNote(context)];
  if (!context.output.json) for (const note of notes) context.output.note(note);
  return ok(SUCCESS);
}

/** Starts its listener, if need be; fails unless that has the port. */
async function serve(home: Home, address: Address): Promise<Result<void>> {
  const called = await ensureServed(home, listenerOf(home, address));
  return called.ok ? checkPortOwner(home, address) : called;
}

const secretLost = (errno: string, undone: string, again: string) =>
  fail({ code: 'answer-lost', errno, instead: { undone, again } });

/** URL and secret on stdout, a line each, and nowhere else; the system error that kept them from it. */
async function printSecret(
  { output }: Context,
  home: Home,
  { name, secret, ...address }: Trigger,
): Promise<string | undefined> {
  const object = output.json ? { ...(await triggerObject(home, name)), secret } : undefined;
  return output.tryLine(object ? objectText(object) : `${urlOf({ name, ...address })}\n${secret}`);
}

/** How they are used, beside them. */
function printUse(output: Output, trigger: Trigger, passed: string[]): void {
  const { draft } = trigger;
  output.note('(the second line is the secret: it is shown this once)');
  output.note(`try it: curl -H 'Authorization: Bearer SECRET' -d '{}' ${quoteWord(urlOf(trigger))}`);
  output.note('GitHub: that URL through a tunnel, the secret as Secret, content type application/json');
  output.note(`runs ${safe(commandText(draft))} in ${safe(draft.cwd)}, with ${passed.join(' ')}`);
}

/** Gives a trigger another secret; the one before is worth nothing from now on. */
export async function rotateTrigger(context: Context, home: Home, trigger: Trigger): Promise<Result<Exit>> {
  const { name } = trigger;
  const next = { ...trigger, secret: newSecret() };
  const write = (one: Trigger) =>
    attempt('write', home.trigger(name).record, () => replaceTrigger(home, one));
  const written = write(next);
  if (!written.ok) return written;
  const lost = await printSecret(context, home, next);
  if (lost !== undefined) {
    const now = readTrigger(home, name);
    // another call may have made another since
    const back = now.kind === 'read' && now.value.secret === next.secret ? write(trigger) : ok(undefined);
    if (!back.ok) return back;
    const undone = `so the secret of trigger ${name} is the one that it was`;
    return secretLost(lost, undone, `bgjob trigger rotate ${name}, with a stdout that takes the secret`);
  }
  if (!context.output.json)
    context.output.note(
      '(the second line is the new secret, shown this once; the one before is refused from now on)',
    );
  return ok(SUCCESS);
}
