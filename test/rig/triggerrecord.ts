/** A trigger as a record, for tests that look at one without a listener. */
import { thisAdded } from '../../src/engine/launch/confinement.ts';
import type { Trigger } from '../../src/job/automation/trigger.ts';

/** No listener is there. */
export const ADDRESS = { host: '127.0.0.1', port: 20_000 };

export const triggerCalled = (name: string): Trigger => ({
  v: 1,
  name,
  draft: {
    name: null,
    argv: ['/bin/true'],
    line: null,
    words: ['true'],
    script: null,
    cwd: '/',
    cwdLink: null,
    project: '/',
    tags: [],
    env: [],
    changedVariables: [],
    keepEnv: false,
    timeoutMs: null,
    idleTimeoutMs: null,
    graceMs: 5000,
    maxLogBytes: null,
    onMaxLog: 'trim',
    memory: null,
    split: false,
    stdin: null,
    pty: null,
    placement: null,
    target: null,
    retry: 0,
    retryOn: null,
    backoffMs: 0,
    onExit: null,
    notify: null,
    tell: null,
    server: false,
  },
  needs: [],
  queue: null,
  environment: ['PATH=/bin'],
  ...thisAdded(),
  umask: 0o022,
  createdAt: 1,
  ...ADDRESS,
  secret: 'a'.repeat(64),
  headers: [],
  hosts: [],
  events: [],
});
