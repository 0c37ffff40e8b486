import { existsSync } from 'node:fs';
import { expect } from 'chai';
import { Program } from './programs.js';
import { waitFor } from './wait-for.js';

/** How large the tree of `test/programs/crowd.c` is. */
export interface CrowdOptions {
  /** it can fork so many */
  maxProcesses: number;
  /** children of each process before the next one gets any */
  fanOut: number;
  /** private mappings of each process */
  mappings: number;
  /** of each of them */
  pages: number;
  /** shared memory that all of them map */
  segmentPages: number;
}

/** Answers of very many processes may take a while under emulation. */
const boundMs = 300_000;

/** A tree of processes that know what their memory has to contain: `test/programs/crowd.c`. */
export class Crowd implements Disposable {
  readonly #program: Program;

  private constructor(program: Program) {
    this.#program = program;
  }

  /** Starts the first process; the others are forked. */
  static async start(options: CrowdOptions): Promise<Crowd> {
    const { maxProcesses, fanOut, mappings, pages, segmentPages } = options;
    const numbers = [maxProcesses, fanOut, mappings, pages, segmentPages];
    return new Crowd(await Program.start('crowd', ...numbers.map(String)));
  }

  /** Of the first process. */
  get pid(): number {
    return this.#program.pid;
  }

  /** Of all processes, by number; 0 for those that have left. */
  async pids(): Promise<number[]> {
    return (await this.#program.ask('pids')).split(' ').map(Number);
  }

  async fork(nrProcesses: number): Promise<void> {
    await this.#tell(`fork ${nrProcesses}`);
  }

  /** Some processes, spread evenly, write so many pages each, going round their memory. */
  async write(nrProcesses: number, nrPages: number): Promise<void> {
    await this.#tell(`write ${nrProcesses} ${nrPages}`);
  }

  /** The last process writes pages of the segment, going round. */
  async put(nrPages: number): Promise<void> {
    await this.#tell(`put ${nrPages}`);
  }

  /** All of them read all that they map. */
  async read(): Promise<void> {
    await this.#tell('read');
  }

  /** The same, and compare it with what they have written. */
  async check(): Promise<void> {
    await this.#tell('check');
  }

  /** The last processes end, and are gone. */
  async end(nrProcesses: number): Promise<void> {
    const pids = (await this.pids()).slice(-nrProcesses);
    await this.#tell(`end ${nrProcesses}`);
    await goneOf(pids);
  }

  /** One ends that is not the last and has no children, and is gone; the others keep their numbers. */
  async leave(who: number): Promise<void> {
    const pids = (await this.pids()).slice(who, who + 1);
    await this.#tell(`leave ${who}`);
    await goneOf(pids);
  }

  [Symbol.dispose](): void {
    this.#program.kill();
  }

  async #tell(command: string): Promise<void> {
    expect(await this.#program.ask(command, boundMs), command).to.equal('ok');
  }
}

async function goneOf(pids: readonly number[]): Promise<void> {
  const isGone = (pid: number) => !existsSync(`/proc/${pid}`);
  await waitFor('the end of processes', () => pids.every(isGone));
}
