/** Which events of a webhook start a job. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventIn, whyIgnored } from '../../../../src/services/listener/webhook-event.ts';
import { triggerCalled } from '../../../rig/triggerrecord.ts';

const why = (event: string | null, ...events: string[]): string | undefined =>
  whyIgnored({ ...triggerCalled('hook'), events, needs: events.length > 0 ? ['event'] : [] }, event);

test('without --event all but ping start a job', () => {
  assert.equal(why(null), undefined);
  assert.equal(why('push'), undefined);
  assert.match(why('diagnostics:ping')!, /a ping starts no job/);
  assert.equal(why('ping'), 'event ping: the trigger works, and a ping starts no job');
});

test('--event chooses, in the words of GitHub and of GitLab', () => {
  for (const event of ['push', 'Push', 'Push Hook']) assert.equal(why(event, 'push', 'release'), undefined);
  assert.equal(why('Push Hook', 'Push Hook'), undefined);
  assert.equal(why('Merge Request Hook', 'merge_request'), undefined);
  assert.equal(why('ping', 'ping'), undefined, 'it was asked for');
  assert.match(why('ping', 'push')!, /the trigger works/);
  assert.equal(
    why('issues', 'push', 'release'),
    'event issues: this trigger starts jobs for --event push,release',
  );
  assert.match(
    why(null, 'push')!,
    /^no header X-GitHub-Event, X-Gitea-Event, X-Gitlab-Event or X-Event-Key: /,
  );
  for (const event of ['', 'pus', 'push2', 'hook']) assert.notEqual(why(event, 'push'), undefined, event);
});

test('a list that an older bgjob dropped does not mean all events', () => {
  assert.match(whyIgnored({ ...triggerCalled('hook'), needs: ['event'] }, 'push')!, /an older bgjob lost/);
});

test('the event is that of the first header, and no longer than a name', () => {
  const of = (headers: Record<string, string>) => eventIn((name) => headers[name]);
  assert.equal(of({}), null);
  assert.equal(of({ 'x-gitlab-event': 'Push Hook' }), 'Push Hook');
  assert.equal(of({ 'x-event-key': 'repo:push' }), 'repo:push');
  assert.equal(of({ 'x-gitea-event': 'push', 'x-github-event': 'release' }), 'release');
  assert.equal(of({ 'x-github-event': 'x'.repeat(5000) })!.length, 100);
});
