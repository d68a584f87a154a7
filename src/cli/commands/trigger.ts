/** `bgjob trigger`: triggers, which start a job for each delivery over HTTP. */
import { readEvents } from '../../job/automation/template-records.ts';
import { listTriggers, readTrigger, type Trigger } from '../../job/automation/trigger.ts';
import { fail, ok, type Result } from '../../job/failure.ts';
import type { Home } from '../../job/home/home.ts';
import { checkPlain, removeOne } from '../automation/remove.ts';
import { noteGoneProgram, printEvents } from '../automation/shared-table.ts';
import { addTrigger, rotateTrigger, TRIGGER_OPTIONS } from '../automation/trigger-add.ts';
import { printTriggers, rejectedEvents } from '../automation/trigger-table.ts';
import { type Exit, SUCCESS, verb } from '../command/command.ts';
import type { Context } from '../command/context.ts';
import { NO_RECORD, noDeliveries, unreadableTemplate } from '../messages/automation.ts';
import { needsName, notOneOf } from '../messages/usage.ts';

const ACTIONS = ['add', 'ls', 'rotate', 'rm'] as const;
type Action = (typeof ACTIONS)[number];
const ALIASES: Record<string, Action> = { list: 'ls', remove: 'rm' };

/** The trigger of that name; `trigger` null: its record cannot be read. */
function requireTrigger(
  home: Home | undefined,
  name: string,
): Result<{ home: Home; trigger: Trigger | null; why: string }> {
  const known = home ? listTriggers(home) : [];
  if (!home || !known.includes(name)) return fail({ code: 'no-such-starter', kind: 'trigger', name, known });
  const read = readTrigger(home, name);
  if (read.kind === 'read') return ok({ home, trigger: read.value, why: '' });
  return ok({ home, trigger: null, why: read.kind === 'absent' ? NO_RECORD : read.why });
}

async function onEach(context: Context, action: 'rotate' | 'rm', names: string[]): Promise<Result<Exit>> {
  const opened = context.home();
  if (!opened.ok) return opened;
  // all of them, or nothing
  for (const name of names) {
    const found = requireTrigger(opened.value, name);
    if (!found.ok) return found;
    if (action === 'rotate' && !found.value.trigger)
      return fail(unreadableTemplate('trigger', name, found.value.why));
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
    const { home, trigger } = found.value;
    const events = readEvents(home.trigger(name));
    const rejected = trigger ? rejectedEvents(home, trigger) : [];
    if (events.length === 0 && !context.output.json)
      context.output.note(noDeliveries(name, rejected.length > 0));
    printEvents(context.output, events, undefined, rejected);
    if (trigger && !context.output.json) noteGoneProgram(context.output, 'trigger', trigger);
  }
  return ok(SUCCESS);
}

export const trigger = verb({
  name: 'trigger',
  operands: 'add NAME [-- COMMAND...] | ls [NAME] | rotate NAME | rm NAME',
  arity: [0, Number.POSITIVE_INFINITY],
  brief: '',
  changes: true,
  summary: 'triggers: start a job for each POST, such as a webhook of GitHub',
  description: [
    'add prints a URL and a secret, one line each; the secret is shown only once. A POST to the URL',
    'starts the job if it has the secret as bearer token (Authorization: Bearer SECRET) or as',
    'X-Gitlab-Token, or is signed with it: X-Hub-Signature-256 of GitHub, Gitea and Forgejo, or',
    'X-Hub-Signature of Bitbucket. The answer is 202 and the id.',
    '',
    'The body, up to 25 MiB, becomes a file, never a part of a command; BGJOB_PAYLOAD is its path. The job',
    'also gets BGJOB_TRIGGER, BGJOB_DELIVERY, the headers of --header, PATH, HOME, LANG and SHELL of the',
    'call of add, and the variables of --pass-env and -e.',
    '',
    'With --event other events are answered 200 and start no job. The ping of GitHub starts none either.',
    '',
    'A delivery that comes again within a day (same X-GitHub-Delivery, Idempotency-Key or Webhook-Id)',
    'starts no second job: the answer is 409, with the id of the first; bgjob restart ID starts that again.',
    'Other answers: 401 no valid secret, or no such trigger; 413 more than 25 MiB; 421 a host name that is',
    'not its own (--host); 429 more than 60 starts at once, or after that more than one a second; 503 the',
    'job could not be started, and the delivery may be sent again. ls NAME shows what was refused.',
    '',
    'The listener is a job, too (bgjob ls -a). It serves all triggers of an address and port, and ends',
    'with the last of them. Any bgjob command starts it again if it is gone; after a restart of the',
    'machine bgjob boot does.',
    '',
    'rotate makes a new secret; the old one is refused at once. If stdout cannot take the secret, nothing',
    'is added or changed (125).',
    '',
    'bgjob wait --trigger NAME waits for the next job of a trigger.',
  ],
  examples: [
    ['bgjob trigger add deploy -- ./deploy.sh', 'prints its URL and secret'],
    ["bgjob trigger add ci -Q ci 'git pull && make'", 'one job after the other'],
    ['bgjob trigger add site --event push,release -- ./site.sh', 'only for these events of a webhook'],
    ['bgjob trigger ls deploy', 'its deliveries, their jobs, and what was refused'],
    ['id=$(bgjob wait --trigger deploy)', 'the next job that it starts'],
  ],
  options: TRIGGER_OPTIONS,
  async run(context, { options, words, separated }) {
    const [word = 'ls', ...rest] = words;
    const action = ALIASES[word] ?? ACTIONS.find((one) => one === word);
    if (!action) return fail(notOneOf('trigger', word, ACTIONS, 'bgjob trigger --help'));
    if (action === 'add') return addTrigger(context, { options, separated }, rest);
    const plain = checkPlain('trigger', options);
    if (!plain.ok) return plain;
    if (action === 'ls') return list(context, rest);
    if (rest.length === 0) return fail(needsName(`trigger ${action}`, 'trigger', 'bgjob trigger ls'));
    return onEach(context, action, rest);
  },
});
