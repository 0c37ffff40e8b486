import { Program } from '../support/programs.js';

/** A client waits for an answer nearly as long. */
const answerBoundMs = 1_000_000;

/** What clients have asked for, and got. */
export interface HttpCounts {
  requests: number;
  /** the same, but what went through a second server is counted there too */
  served: number;
  failed: number;
  /** made again, because the server had closed the connection after the answer before */
  again: number;
}

/** The clients of `test/programs/http_load.c`, which compare every byte that they get. */
export class HttpLoad implements Disposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** @param thinkMs pause of a client after each answer */
  static async start(port: number, nrClients: number, thinkMs: number): Promise<HttpLoad> {
    const words = [port, nrClients, thinkMs * 1000].map(String);
    return new HttpLoad(await Program.start('http_load', ...words));
  }

  async counts(): Promise<HttpCounts> {
    return this.#ask('c');
  }

  /** Waits until all clients stand. */
  async pause(): Promise<HttpCounts> {
    return this.#ask('p');
  }

  async goOn(): Promise<HttpCounts> {
    return this.#ask('g');
  }

  /** Waits until all clients have their last answers. */
  async end(): Promise<HttpCounts> {
    return this.#ask('q');
  }

  async #ask(command: string): Promise<HttpCounts> {
    const line = await this.#program.ask(command, answerBoundMs);
    const [requests = 0, served = 0, failed = 0, again = 0] = line.split(' ').map(Number);
    return { requests, served, failed, again };
  }

  [Symbol.dispose](): void {
    this.#program.kill();
  }
}
