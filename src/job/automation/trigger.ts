/** Triggers: which job is started by whom, over HTTP. See template-records.ts for how they lie on disk. */
import { hostname } from 'node:os';
import { sealed } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { Found } from '../home/records.ts';
import { listTemplates, readTemplate, templateFields } from './template-records.ts';

export const triggerSchema = is.object({
  ...templateFields,
  /** Where its listener listens: an IP address as it is usually written, and a port. They stay what they are. */
  host: is.text,
  port: is.upTo(65_535),
  /** Whoever knows it may start the job. Shown once, by `add` and `rotate`. */
  secret: is.text,
  /** Headers of a delivery that reach the job. */
  headers: is.listOf(is.text),
  /** Names in a request's Host header that mean this listener, beside its own: of a tunnel, or a proxy. */
  hosts: is.listOf(is.text),
});
export type Trigger = is.Shaped<typeof triggerSchema>;

/** An address on which a listener listens. */
export type Address = Pick<Trigger, 'host' | 'port'>;

export const listTriggers = (home: Home): string[] => listTemplates(home.triggers);
export const readTrigger = (home: Home, name: string): Found<Trigger> =>
  readTemplate(home.trigger(name), triggerSchema);

/** Puts another record in the place of one that is there. Throws system errors: ENOENT where it was removed. */
export const replaceTrigger = (home: Home, trigger: Trigger): void =>
  writeShared(home.trigger(trigger.name).record, sealed(trigger));

export const isLoopback = (host: string): boolean => host === '::1' || host.startsWith('127.');
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

/** As it stands in a URL. */
export const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/** Where it is delivered to; of one that listens everywhere with the name of this machine. */
export const urlOf = ({ name, host, port }: Pick<Trigger, 'name' | 'host' | 'port'>): string =>
  `http://${isWildcard(host) ? hostname() : hostText(host)}:${port}/${name}`;

/** The variable in which a job finds a header. */
export const headerVariable = (header: string): string =>
  `BGJOB_HEADER_${header.toUpperCase().replaceAll('-', '_')}`;
