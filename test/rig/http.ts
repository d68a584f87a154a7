/** Requests as the tests send them: whole ones, and raw bytes for those that are not. */
import { createHmac } from 'node:crypto';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** As it came. */
  text: string;
  json: any;
}

export interface Sent {
  method?: string;
  headers?: Record<string, string | string[]>;
  body?: string | Uint8Array;
}

/** One request; rejects if the connection ends without an answer. */
export function send(
  url: string,
  { method = 'POST', headers = {}, body = '' }: Sent = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const own = { 'Content-Length': String(bytes.length), ...headers };
    const call = request(url, { method, headers: own, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece) => pieces.push(piece));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(pieces).toString();
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          text,
          json: text.startsWith('{') ? JSON.parse(text) : undefined,
        });
      });
    });
    call.once('error', reject);
    call.end(bytes);
  });
}

export const bearer = (secret: string): Record<string, string> => ({ Authorization: `Bearer ${secret}` });
/** As GitHub signs. */
export const signature = (secret: string, body: string | Uint8Array): Record<string, string> => ({
  'X-Hub-Signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
});

/** A connection on which bytes are sent as they are. */
export class Raw {
  readonly socket: Socket;
  private text = '';
  private ended = false;
  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''));
    this.socket.setEncoding('latin1').on('data', (piece: string) => {
      this.text += piece;
    });
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.ended = true;
    });
  }
  write(text: string): void {
    this.socket.write(text, 'latin1');
  }
  /** What came back so far. */
  get answer(): string {
    return this.text;
  }
  /** Whether the other side, or we, ended it. */
  get closed(): boolean {
    return this.ended;
  }
  close(): void {
    this.socket.destroy();
  }
}
