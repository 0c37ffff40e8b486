import { closeSync, openSync, readSync } from 'node:fs';
import { expect } from 'chai';
import { Program } from './programs.js';

/** The processes of `test/programs/heirs.c`: they know what their memory has to contain. */
export class Heirs implements Disposable {
  static readonly nrPages = 64;
  /** without the last ones, which are a file's until they are written */
  static readonly nrAnonPages = 48;
  /** pids by name; a process that has ended has none */
  readonly pids = new Map<number, number>();
  readonly #program: Program;

  private constructor(program: Program, pid: number) {
    this.#program = program;
    this.pids.set(0, pid);
  }

  static async start(): Promise<Heirs> {
    const program = await Program.start('heirs');
    return new Heirs(program, Number(await program.line()));
  }

  /** The pid of one that lives. */
  pid(who: number): number {
    const pid = this.pids.get(who);
    if (pid === undefined) throw new Error(`process ${who} has ended`);
    return pid;
  }

  async fork(who: number, name: number): Promise<void> {
    this.pids.set(name, Number(await this.#program.ask(`${who} fork ${name}`)));
  }

  async write(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} write ${first} ${nr}`)).to.equal('ok');
  }

  async forget(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} forget ${first} ${nr}`)).to.equal('ok');
  }

  async unmap(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} unmap ${first} ${nr}`)).to.equal('ok');
  }

  /** To another address. */
  async move(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} move ${first} ${nr}`)).to.equal('ok');
  }

  /** Makes pages a mapping of their own. */
  async split(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} split ${first} ${nr}`)).to.equal('ok');
  }

  /** For each page of the memory, which one of the address space it is; 0 where it is unmapped. */
  async where(who: number): Promise<number[]> {
    const answer = await this.#program.ask(`${who} where`);
    return answer
      .trim()
      .split(' ')
      .map((page) => parseInt(page, 16));
  }

  /** Maps a part of a segment that all of them have. */
  async share(who: number, first: number, nr: number): Promise<void> {
    expect(await this.#program.ask(`${who} share ${first} ${nr}`)).to.equal('ok');
  }

  /** Writes pages of the segment, in the part that the process maps. */
  async put(who: number, first: number, nr: number, value: number): Promise<void> {
    expect(await this.#program.ask(`${who} put ${first} ${nr} ${value}`)).to.equal('ok');
  }

  /** Maps memory that makes the process untrackable. */
  async mapDevice(who: number): Promise<void> {
    expect(await this.#program.ask(`${who} device`)).to.equal('ok');
  }

  async check(who: number): Promise<void> {
    expect(await this.#program.ask(`${who} check`), `process ${who}`).to.equal('ok');
  }

  async checkAll(): Promise<void> {
    for (const who of this.pids.keys()) await this.check(who);
  }

  /** The page frame of each page, 0n for those that are not in memory. */
  async frames(who: number): Promise<bigint[]> {
    const [first = 0] = await this.where(who);
    const entries = Buffer.alloc(Heirs.nrPages * 8);
    const fd = openSync(`/proc/${this.pid(who)}/pagemap`, 'r');
    readSync(fd, entries, 0, entries.length, first * 8);
    closeSync(fd);
    return Array.from({ length: Heirs.nrPages }, (_, i) => {
      const entry = entries.readBigUInt64LE(i * 8);
      return entry >> 63n ? entry & ((1n << 55n) - 1n) : 0n;
    });
  }

  async exit(who: number): Promise<void> {
    expect(await this.#program.ask(`${who} exit`)).to.equal('bye');
    this.pids.delete(who);
  }

  /** Ends one that cannot say good-bye. */
  kill(who: number): void {
    process.kill(this.pid(who), 'SIGKILL');
    this.pids.delete(who);
  }

  [Symbol.dispose](): void {
    this.#program.kill();
  }
}
