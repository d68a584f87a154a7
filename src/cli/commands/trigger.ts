/** `bgjob trigger`: jobs that are started by deliveries over HTTP. */
import { safe } from '../../base/text/sanitize.ts';
import { readEvents } from '../../job/automation/template-records.ts';
import { listTriggers, readTrigger, type Trigger } from '../../job/automation/trigger.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { checkPlain, removeOne, usage } from '../automation/remove.ts';
import { printEvents } from '../automation/shared-table.ts';
import { addTrigger, rotateTrigger, TRIGGER_OPTIONS } from '../automation/trigger-add.ts';
import { printTriggers } from '../automation/trigger-table.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';

const ACTIONS = ['add', 'ls', 'rotate', 'rm'] as const;
type Action = (typeof ACTIONS)[number];
const ALIASES: Record<string, Action> = { list: 'ls', remove: 'rm' };

/** One that is there; `trigger` null: its record cannot be read. */
function requireTrigger(
  home: Home | undefined,
  name: string,
): Result<{ home: Home; trigger: Trigger | null; why: string }> {
  const known = home ? listTriggers(home) : [];
  if (!home || !known.includes(name)) return fail({ code: 'no-such-starter', kind: 'trigger', name, known });
  const read = readTrigger(home, name);
  if (read.kind === 'read') return ok({ home, trigger: read.value, why: '' });
  return ok({ home, trigger: null, why: read.kind === 'absent' ? 'it has no record' : read.why });
}

async function onEach(context: Context, action: 'rotate' | 'rm', names: string[]): Promise<Result<Exit>> {
  const opened = context.home();
  if (!opened.ok) return opened;
  // all of them, or nothing
  for (const name of names) {
    const found = requireTrigger(opened.value, name);
    if (!found.ok) return found;
    if (action === 'rotate' && !found.value.trigger)
      return usage(`trigger ${name}: ${safe(found.value.why)}; nothing was done`, `bgjob trigger rm ${name}`);
  }
  for (const name of names) {
    const found = requireTrigger(opened.value, name);
    if (!found.ok) return found;
    const { home, trigger } = found.value;
    const done =
      action === 'rm'
        ? removeOne(context.output, home, home.trigger(name), {
            kind: 'trigger',
            name,
            known: listTriggers(home),
          })
        : await rotateTrigger(context, home, trigger!);
    if (!done.ok) return done;
  }
  return ok(SUCCESS);
}

async function list(context: Context, names: string[]): Promise<Result<Exit>> {
  const opened = context.home();
  if (!opened.ok) return opened;
  if (names.length === 0) await printTriggers(context.output, opened.value);
  for (const name of names) {
    const found = requireTrigger(opened.value, name);
    if (!found.ok) return found;
    const events = readEvents(found.value.home.trigger(name));
    if (events.length === 0 && !context.output.json)
      context.output.note(`${name}: nothing was delivered yet`);
    printEvents(context.output, events, undefined);
  }
  return ok(SUCCESS);
}

export const trigger = verb({
  name: 'trigger',
  operands: 'add NAME [-- COMMAND...] | ls [NAME] | rotate NAME | rm NAME',
  arity: [0, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'jobs that are started by a POST, as of a webhook of GitHub',
  description: [
    'add prints a URL and a secret, a line each; the secret is shown once. A POST to the URL starts the job, if it has the secret as',
    "bearer token (Authorization: Bearer SECRET) or is signed with it (X-Hub-Signature-256, GitHub's). The answer is 202 and the id.",
    'The body is a file, whose path the job finds in BGJOB_PAYLOAD, and never a word of a shell line; it also gets BGJOB_TRIGGER,',
    'BGJOB_DELIVERY, what --header names, PATH, HOME, LANG and SHELL of the call of add, what --pass-env names, and -e.',
    'A delivery (X-GitHub-Delivery, Idempotency-Key or Webhook-Id) starts one job, however often it comes in a day: then 409, with the id',
    'of the job. 401: no valid secret, or no such trigger; 413: more than 1 MiB; 429: more than 60 starts at once, or than one a second',
    'after that; 421: asked for under another name than its own (--host); 503: it could not be started, and may be delivered again.',
    'One job, the listener, serves all triggers of an address and port (bgjob ls -a), and ends with the last; any bgjob command starts it',
    'again if it is gone, and after a restart of the machine bgjob boot does. rotate makes a new secret, and the one before is refused at',
    'once. Where stdout does not take the secret nothing is added or changed (125). bgjob wait --trigger NAME waits for the next job that it',
    'starts.',
  ],
  examples: [
    ['bgjob trigger add deploy -- ./deploy.sh', 'prints its URL and its secret'],
    ["bgjob trigger add ci -Q ci 'git pull && make'", 'one after the other'],
    ['bgjob trigger ls deploy', 'what came, and what became of it'],
    ['id=$(bgjob wait --trigger deploy)', 'the next job that it starts'],
  ],
  options: TRIGGER_OPTIONS,
  async run(context, { options, words, separated }) {
    const [word = 'ls', ...rest] = words;
    const action = ALIASES[word] ?? ACTIONS.find((one) => one === word);
    if (!action)
      return usage(`trigger: "${safe(word)}" is none of ${ACTIONS.join(', ')}`, 'bgjob trigger --help');
    if (action === 'add') return addTrigger(context, { options, separated }, rest);
    const plain = checkPlain('trigger', options);
    if (!plain.ok) return plain;
    if (action === 'ls') return list(context, rest);
    if (rest.length === 0) return usage(`trigger ${action} needs the NAME of a trigger`, 'bgjob trigger ls');
    return onEach(context, action, rest);
  },
});
