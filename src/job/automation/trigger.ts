/** Triggers: jobs that start on HTTP requests. See template-records.ts for the files. */
import { hostname } from 'node:os';
import { withChecksum } from '../../base/checksum.ts';
import { writeShared } from '../../base/fs/atomic-write.ts';
import * as is from '../../base/schema.ts';
import type { Home } from '../home/home.ts';
import type { Found } from '../home/records.ts';
import { listTemplates, readTemplate, templateFields } from './template-records.ts';

const triggerSchema = is.object({
  ...templateFields,
  /** The address of its listener: an IP address and a port. They never change. */
  host: is.text,
  port: is.upTo(65_535),
  /** Anybody who knows it may start the job. `add` and `rotate` show it once. */
  secret: is.text,
  /** The headers of a delivery that the job gets. */
  headers: is.listOf(is.text),
  /** More names of this listener in a request's Host header: those of a tunnel, or a proxy. */
  hosts: is.listOf(is.text),
  /** The events of webhooks that start a job; empty: all but `ping`. If not empty, `needs` has `event`. */
  events: is.since(is.listOf(is.text), []),
});
export type Trigger = is.SchemaType<typeof triggerSchema>;

export type Address = Pick<Trigger, 'host' | 'port'>;

export const listTriggers = (home: Home): string[] => listTemplates(home.triggers);
export function readTrigger(home: Home, name: string): Found<Trigger> {
  const read = readTemplate(home.trigger(name), name, triggerSchema);
  if (read.kind !== 'read' || (IP.test(read.value.host) && read.value.port > 0)) return read;
  return { kind: 'unreadable', why: 'record.json: host and port are no address' };
}
/** Roughly: node:net, which knows it exactly, is not loaded in most calls. */
const IP = /^(\d{1,3}(\.\d{1,3}){3}|[\da-f:.]{0,45}:[\da-f:.]{1,45})$/i;

/** Throws ENOENT if the trigger was removed. */
export const replaceTrigger = (home: Home, trigger: Trigger): void =>
  writeShared(home.trigger(trigger.name).record, withChecksum(trigger));

export const isLoopback = (host: string): boolean => host === '::1' || host.startsWith('127.');
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::';

export const hostText = (host: string): string => (host.includes(':') ? `[${host}]` : host);

export const urlOf = ({ name, host, port }: Pick<Trigger, 'name' | 'host' | 'port'>): string =>
  `http://${isWildcard(host) ? hostname() : hostText(host)}:${port}/${name}`;

/** The variable that holds a header in the job. */
export const headerVariable = (header: string): string =>
  `BGJOB_HEADER_${header.toUpperCase().replaceAll('-', '_')}`;
