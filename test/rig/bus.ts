/**
 * A session bus with a desktop behind it that shows notifications: as much of D-Bus as notify-send speaks. Real ones need a display.
 * https://dbus.freedesktop.org/doc/dbus-specification.html
 */
import * as fs from 'node:fs';
import * as net from 'node:net';
import { join } from 'node:path';

const align = (at: number, size: number): number => Math.ceil(at / size) * size;

/** A message under construction: little endian, everything aligned. */
class Writer {
  private bytes: number[] = [];
  get length(): number {
    return this.bytes.length;
  }
  pad(size: number): this {
    while (this.bytes.length % size !== 0) this.bytes.push(0);
    return this;
  }
  byte(value: number): this {
    this.bytes.push(value);
    return this;
  }
  word(value: number): this {
    this.pad(4);
    this.bytes.push(value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >> 24) & 255);
    return this;
  }
  text(value: string): this {
    this.word(Buffer.byteLength(value));
    this.bytes.push(...Buffer.from(value), 0);
    return this;
  }
  signature(value: string): this {
    this.bytes.push(value.length, ...Buffer.from(value), 0);
    return this;
  }
  done(): Buffer {
    return Buffer.from(this.bytes);
  }
}

/** What each method answers: signature and values. */
const ANSWERS: Record<string, [signature: string, ...values: (string | number)[]]> = {
  Hello: ['s', ':1.1'],
  RequestName: ['u', 1],
  StartServiceByName: ['u', 2],
  GetNameOwner: ['s', ':1.2'],
  GetServerInformation: ['ssss', 'desktop', 'test', '1', '1.2'],
  Notify: ['u', 7],
  GetCapabilities: ['as', 0],
};

function reply(serial: number, to: number, [signature = '', ...values]: (string | number)[]): Buffer {
  const body = new Writer();
  for (const value of values) typeof value === 'string' ? body.text(value) : body.word(value);
  const fields = new Writer().byte(5).signature('u').word(to);
  // from whom: whoever was asked, as far as its name goes
  fields.pad(8).byte(7).signature('s').text('org.freedesktop.DBus');
  if (signature !== '') fields.pad(8).byte(8).signature('g').signature(String(signature));
  const header = new Writer()
    .byte(108)
    .byte(2)
    .byte(1)
    .byte(1)
    .word(body.length)
    .word(serial)
    .word(fields.length);
  return Buffer.concat([
    new Writer().done(),
    pad8(Buffer.concat([header.done(), fields.done()])),
    body.done(),
  ]);
}
const pad8 = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc(align(bytes.length, 8) - bytes.length)]);

/** The member of a call, and where its message ends; undefined: not all of it is there. */
function parseCall(
  bytes: Buffer,
): { member: string; serial: number; type: number; size: number } | undefined {
  if (bytes.length < 16) return undefined;
  const fieldsEnd = 16 + bytes.readUInt32LE(12);
  const size = align(fieldsEnd, 8) + bytes.readUInt32LE(4);
  if (bytes.length < size) return undefined;
  let member = '';
  // field 3 with a signature of `s`: what is called
  for (let at = 16; at < fieldsEnd; at = align(at, 8)) {
    const code = bytes[at]!;
    const kind = String.fromCharCode(bytes[at + 2]!);
    const value = at + 4;
    const length = kind === 'g' ? bytes[value]! : kind === 'u' ? 0 : bytes.readUInt32LE(value);
    if (code === 3) member = bytes.toString('utf8', value + 4, value + 4 + length);
    at = kind === 'u' ? value + 4 : kind === 'g' ? value + 1 + length + 1 : value + 4 + length + 1;
  }
  return { member, serial: bytes.readUInt32LE(8), type: bytes[1]!, size };
}

export interface Bus {
  /** For DBUS_SESSION_BUS_ADDRESS. */
  address: string;
  /** The bytes of each notification, as text. */
  shown: string[];
  close(): void;
}

/** Starts one; its socket is in `dir`. */
export async function startBus(dir: string): Promise<Bus> {
  const path = join(fs.mkdtempSync(join(dir, 'bus-')), 's');
  const shown: string[] = [];
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let begun = false;
    let serial = 1;
    let bytes = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      while (!begun) {
        const end = bytes.indexOf('\r\n');
        if (end === -1) return;
        const line = bytes.toString('latin1', 0, end).replace('\0', '');
        bytes = bytes.subarray(end + 2);
        if (line === 'BEGIN') begun = true;
        else if (line === 'AUTH EXTERNAL') socket.write('DATA\r\n');
        else if (/^(AUTH EXTERNAL|DATA)/.test(line)) socket.write(`OK ${'0'.repeat(32)}\r\n`);
        else if (line.startsWith('AUTH')) socket.write('REJECTED EXTERNAL\r\n');
        else socket.write('ERROR\r\n');
      }
      for (let call = parseCall(bytes); call; call = parseCall(bytes)) {
        if (call.member === 'Notify') shown.push(bytes.toString('utf8', 0, call.size));
        bytes = bytes.subarray(call.size);
        if (call.type === 1) socket.write(reply(serial++, call.serial, ANSWERS[call.member] ?? []));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const close = (): void => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  return { address: `unix:path=${path}`, shown, close };
}
