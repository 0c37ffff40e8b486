import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Requests and their replies, in order, over the protocol of Redis. */
export class RedisConnection implements Disposable {
  readonly #socket: Socket;
  readonly #waiting: ((reply: string) => void)[] = [];
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.#received += chunk;
      this.#deliver();
    });
  }

  static async open(port: number): Promise<RedisConnection> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RedisConnection(socket);
  }

  /** Sends a command; several may be under way. An error's reply begins with `-`. */
  async send(...words: string[]): Promise<string> {
    const parts = words.map((word) => `$${word.length}\r\n${word}\r\n`);
    this.#socket.write(`*${words.length}\r\n${parts.join('')}`, 'latin1');
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #deliver(): void {
    for (let reply = this.#next(); reply !== undefined; reply = this.#next())
      this.#waiting.shift()?.(reply);
  }

  /** Takes a status, an error, a number or a string off what was received, if it is complete. */
  #next(): string | undefined {
    const end = this.#received.indexOf('\r\n');
    if (end < 0) return undefined;
    const line = this.#received.slice(0, end);
    if (!line.startsWith('$') || line === '$-1')
      return this.#take(line.replace(/^[+:]/, ''), end + 2);
    const length = Number(line.slice(1));
    const start = end + 2;
    if (this.#received.length < start + length + 2) return undefined;
    return this.#take(this.#received.slice(start, start + length), start + length + 2);
  }

  #take(reply: string, nrCharacters: number): string {
    this.#received = this.#received.slice(nrCharacters);
    return reply;
  }
}
