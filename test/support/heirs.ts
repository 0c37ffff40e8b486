import { expect } from 'chai';
import { Program } from './programs.js';

/** The processes of `test/programs/heirs.c`: they know what their memory has to contain. */
export class Heirs implements Disposable {
  static readonly nrPages = 64;
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

  async check(who: number): Promise<void> {
    expect(await this.#program.ask(`${who} check`), `process ${who}`).to.equal('ok');
  }

  async checkAll(): Promise<void> {
    for (const who of this.pids.keys()) await this.check(who);
  }

  async exit(who: number): Promise<void> {
    expect(await this.#program.ask(`${who} exit`)).to.equal('bye');
    this.pids.delete(who);
  }

  [Symbol.dispose](): void {
    this.#program.kill();
  }
}
