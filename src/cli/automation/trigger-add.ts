/** `trigger add` and `trigger rotate`. The secret is printed once. */
import { attempt } from '../../base/fs/atomic-write.ts';
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
import { fail, ok, type Result } from '../../job/failure.ts';
import { admitNeeds, type Home } from '../../job/home/home.ts';
import { isName } from '../../job/home/project.ts';
import { type Exit, type Input, SUCCESS } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import {
  badEvent,
  badHeader,
  badHost,
  missingCommand,
  missingTriggerName,
  SECRET_ROTATED,
  sameHeader,
  secretHeader,
  secretLost,
  triggerAdded,
} from '../messages/automation.ts';
import { keyWithoutPassphrase } from '../messages/schedules.ts';
import { notAName } from '../messages/usage.ts';
import { printWarning } from '../messages/warnings.ts';
import { objectText } from '../output/output.ts';
import { pipefailNotes } from '../shell/pipes.ts';
import { bootNote } from './boot-entry.ts';
import { checkPortOwner, chooseAddress, openListenerNote, parseListen } from './listen-address.ts';
import { noteLink } from './shared-table.ts';
import { namesOf, parseTemplate, TEMPLATE_OPTIONS } from './template-draft.ts';
import { triggerObject } from './trigger-table.ts';

const { name: _, ...JOB_OPTIONS } = TEMPLATE_OPTIONS;

export const TRIGGER_OPTIONS = {
  listen: {
    kind: 'text',
    value: 'ADDR[:PORT]',
    text: 'the address for deliveries (default: 127.0.0.1, and the port of the other triggers or a free one)',
    group: 'With add',
  },
  header: {
    kind: 'list',
    value: 'NAMES',
    text: 'headers of a delivery to pass to its job: X-GitHub-Event becomes BGJOB_HEADER_X_GITHUB_EVENT',
  },
  event: {
    kind: 'list',
    value: 'NAMES',
    text: 'start jobs only for these events of a webhook (X-GitHub-Event, X-Gitlab-Event, X-Event-Key): push,release',
  },
  host: {
    kind: 'list',
    value: 'NAMES',
    text: 'more host names that a tunnel or proxy may use; all other names are refused',
  },
  ...JOB_OPTIONS,
} as const;
type TriggerInput = Input<typeof TRIGGER_OPTIONS>;

/** Most commands do not need node:crypto. */
function newSecret(): string {
  const { randomBytes } = require('node:crypto') as typeof import('node:crypto');
  return randomBytes(32).toString('hex');
}

/** Headers that prove who sends, or are passwords of another service. */
const SECRET_HEADERS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'x-hub-signature',
  'x-hub-signature-256',
  'x-gitlab-token',
];

function headersOf(list: string[]): Result<string[]> {
  const names = namesOf(list);
  for (const name of names) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return fail(badHeader(name));
    if (SECRET_HEADERS.includes(name.toLowerCase())) return fail(secretHeader(name));
    const variable = headerVariable(name);
    const same = names.find((one) => one !== name && headerVariable(one) === variable);
    if (same !== undefined) return fail(sameHeader(name, same, variable));
  }
  return ok(names);
}

function hostsOf(list: string[]): Result<string[]> {
  const names = namesOf(list).map((name) => name.toLowerCase());
  const wrong = names.find((name) => !/^([a-z0-9_-][a-z0-9._-]{0,252}|\[[0-9a-f:.]+\])$/.test(name));
  return wrong === undefined ? ok(names) : fail(badHost(wrong));
}

/** Adds a trigger. `words`: its name, then the command. */
export async function addTrigger(
  context: Context,
  { options, separated }: Pick<TriggerInput, 'options' | 'separated'>,
  words: string[],
): Promise<Result<Exit>> {
  const [name, ...command] = words;
  if (name === undefined) return fail(missingTriggerName());
  if (!isName(name)) return fail(notAName('trigger add', name));
  if (command.length === 0) return fail(missingCommand('trigger'));
  const wanted = parseListen(options.listen);
  if (!wanted.ok) return wanted;
  const headers = headersOf(options.header);
  if (!headers.ok) return headers;
  const hosts = hostsOf(options.host);
  if (!hosts.ok) return hosts;
  const events = namesOf(options.event).map((event) => event.trim());
  const wrong = events.find((event) => !/^[\x21-\x7e][\x20-\x7e]{0,99}$/.test(event));
  if (wrong !== undefined || (options.event.length > 0 && events.length === 0))
    return fail(badEvent(wrong ?? ''));
  const opened = context.makeHome();
  if (!opened.ok) return opened;
  const home = opened.value;
  const taken = () => fail({ code: 'starter-taken', kind: 'trigger', name });
  if (listTriggers(home).includes(name)) return taken();
  const made = parseTemplate(context, { options: { ...options, name }, separated }, command, () => false);
  if (!made.ok) return made;
  const address = await chooseAddress(home, wanted.value);
  if (!address.ok) return address;
  const facts = { ...address.value, secret: newSecret(), headers: headers.value, hosts: hosts.value, events };
  // a listener that does not know --event would start jobs for all events
  const needs = [...made.value.template.needs, ...(events.length > 0 ? ['event'] : [])];
  const trigger: Trigger = { ...made.value.template, ...facts, needs };
  const paths = home.trigger(name);
  const added = attempt('write', paths.dir, () => {
    if (needs.length > 0) admitNeeds(home);
    return addTemplate(home, home.triggers, paths, trigger);
  });
  if (!added.ok) return added;
  if (!added.value) return taken();
  const served = await serve(home, trigger);
  if (!served.ok) {
    // its secret was not printed, and it has no listener
    attempt('remove trigger', paths.dir, () => removeTemplate(home, paths));
    return served;
  }
  if (!isLoopback(trigger.host))
    printWarning(context.output, { code: 'open-listener', message: openListenerNote(trigger.host) });
  const lost = await printSecret(context, home, trigger);
  if (lost !== undefined) {
    // without its secret it is of no use
    attempt('remove trigger', paths.dir, () => removeTemplate(home, paths));
    wakeServices(home.triggers);
    return fail(secretLost(lost, name, 'add'));
  }
  if (context.output.json) return ok(SUCCESS);
  const { draft } = trigger;
  for (const note of [
    ...triggerAdded(urlOf(trigger), { draft, environment: made.value.passed }, events),
    ...pipefailNotes(draft, !options['no-pipefail']),
    ...(draft.target && draft.target.host !== '' ? [keyWithoutPassphrase(draft.target, 'trigger')] : []),
    bootNote(context),
  ])
    context.output.note(note);
  noteLink(context.output, draft.cwd);
  return ok(SUCCESS);
}

/** Makes sure that its listener runs; fails if another program has the port. */
async function serve(home: Home, address: Address): Promise<Result<void>> {
  const called = await ensureServed(home, listenerOf(home, address));
  return called.ok ? checkPortOwner(home, address) : called;
}

/** Prints URL and secret on stdout alone, a line each; the system error if stdout does not take them. */
async function printSecret(
  { output }: Context,
  home: Home,
  { name, secret, ...address }: Trigger,
): Promise<string | undefined> {
  const object = output.json ? { ...(await triggerObject(home, name)), secret } : undefined;
  return output.tryLine(object ? objectText(object) : `${urlOf({ name, ...address })}\n${secret}`);
}

/** Gives a trigger a new secret; the old one is refused from now on. */
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
    // another call may have written a newer one
    const back = now.kind === 'read' && now.value.secret === next.secret ? write(trigger) : ok(undefined);
    if (!back.ok) return back;
    return fail(secretLost(lost, name, 'rotate'));
  }
  if (!context.output.json) context.output.note(SECRET_ROTATED);
  return ok(SUCCESS);
}
