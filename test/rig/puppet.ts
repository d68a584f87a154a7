/**
 * A puppet: a job that does what the test says, over a socket, so that no test has to sleep. The program is
 * `puppet.fixture.ts`; this is the test's side.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CALL_MS, within } from './until.ts';

export type Order =
  | { do: 'print'; text: string }
  | { do: 'error'; text: string }
  | { do: 'exit'; code: number }
  | { do: 'die'; signal: string }
  | { do: 'ignore'; signal: string }
  | { do: 'fork'; daemon: boolean; ignoring: string[]; bare: boolean }
  | { do: 'listen'; port?: number; host?: string }
  | { do: 'environment' }
  | { do: 'stdin' };

export class Puppet {
  /** How to start it as a job. */
  readonly command: string[];
  private readonly server: Server;
  private readonly socket: Promise<Socket>;
  private readonly sockets = new Set<Socket>();
  private readonly answers: ((answer: any) => void)[] = [];

  private constructor(server: Server) {
    this.server = server;
    const { port } = server.address() as AddressInfo;
    this.command = [process.execPath, join(__dirname, 'rig.puppet.fixture.js'), String(port)];
    this.socket = new Promise((resolve) => {
      server.on('connection', (socket) => {
        // another job of the same command is not led, but ends with the test
        this.sockets.add(socket.on('error', () => {}));
        if (this.sockets.size > 1) return;
        createInterface({ input: socket }).on('line', (line) => this.answers.shift()?.(JSON.parse(line)));
        resolve(socket);
      });
    });
  }

  static listen(): Promise<Puppet> {
    return new Promise((resolve) => {
      const server = createServer().listen(0, '127.0.0.1', () => resolve(new Puppet(server)));
    });
  }

  /** Resolves when the job runs and has connected. */
  async ready(): Promise<void> {
    await this.connected();
  }

  /** A job that never begins fails the test, and does not hang it. */
  private connected(): Promise<Socket> {
    return within(this.socket, CALL_MS, 'the puppet did not begin');
  }

  /** Gives an order and returns its answer: when it comes, the order is carried out. `exit` and `die` answer nothing. */
  async order(order: Order): Promise<any> {
    const socket = await this.connected();
    if (order.do === 'exit' || order.do === 'die') {
      socket.write(`${JSON.stringify(order)}\n`);
      return undefined;
    }
    const answer = new Promise<any>((resolve) => this.answers.push(resolve));
    socket.write(`${JSON.stringify(order)}\n`);
    return within(answer, CALL_MS, `the puppet did not answer: ${order.do}`);
  }
  print(text: string): Promise<void> {
    return this.order({ do: 'print', text });
  }
  exit(code: number): Promise<void> {
    return this.order({ do: 'exit', code });
  }
  /** The pid of the puppet itself. */
  async pid(): Promise<number> {
    return (await this.order({ do: 'environment' })).pid;
  }
  ignore(signal: string): Promise<void> {
    return this.order({ do: 'ignore', signal });
  }
  /**
   * Starts a process, and returns when it sleeps. `daemon`: in a session of its own, its parent gone; `bare`: without
   * environment.
   */
  async fork(options: { daemon?: boolean; ignoring?: string[]; bare?: boolean } = {}): Promise<number> {
    const { daemon = false, ignoring = [], bare = false } = options;
    return (await this.order({ do: 'fork', daemon, ignoring, bare })).pid;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}
