import { Program } from './programs.js';

/** Memory of the program, at an address. */
export interface Area {
  address: string;
  /** address / 4096 */
  page: number;
}

/** The target of `test/programs/pages.c`: does with its memory what it is told. */
export class Pages implements Disposable {
  private constructor(readonly program: Program) {}

  static async start(): Promise<Pages> {
    return new Pages(await Program.start('pages'));
  }

  get pid(): number {
    return this.program.pid;
  }

  async map(bytes: number): Promise<Area> {
    const address = await this.program.ask(`map ${bytes}`);
    return { address, page: parseInt(address, 16) / 4096 };
  }

  /** Writes `value` into `nr` pages of the area from page `first` on, each `step` pages on. */
  async write(area: Area, first: number, nr: number, value: number, step = 1): Promise<void> {
    await this.program.ask(`write ${area.address} ${first} ${nr} ${step} ${value}`);
  }

  async sum(area: Area, nrPages: number): Promise<number> {
    return Number(await this.program.ask(`sum ${area.address} ${nrPages}`));
  }

  async dontneed(area: Area, first: number, nr: number): Promise<void> {
    const address = ((area.page + first) * 4096).toString(16);
    await this.program.ask(`dontneed ${address} ${nr * 4096}`);
  }

  async protect(area: Area, nr: number, mode: 'rw' | 'r' | 'none'): Promise<void> {
    await this.program.ask(`protect ${area.address} ${nr * 4096} ${mode}`);
  }

  /** Makes every second page read-only, so that each other one is a mapping of its own. */
  async comb(area: Area, nrPages: number): Promise<void> {
    const answer = await this.program.ask(`comb ${area.address} ${nrPages}`);
    if (answer !== '0') throw new Error('mprotect has failed');
  }

  async unmap(area: Area, nr: number): Promise<void> {
    await this.program.ask(`unmap ${area.address} ${nr * 4096}`);
  }

  /** mremap in place, from and to a number of pages. */
  async resize(area: Area, from: number, to: number): Promise<void> {
    const answer = await this.program.ask(`resize ${area.address} ${from * 4096} ${to * 4096}`);
    if (answer !== '0') throw new Error('mremap has failed');
  }

  /** Maps a file, private and read-only; at the address of `at` if given. */
  async mapFile(path: string, bytes: number, at?: Area): Promise<Area> {
    const address = await this.program.ask(`file ${at?.address ?? '0'} ${bytes} ${path}`);
    return { address, page: parseInt(address, 16) / 4096 };
  }

  /** Threads that write at random and check what they read back. */
  async startThreads(nr: number, bytesEach: number): Promise<void> {
    await this.program.ask(`start ${nr} ${bytesEach}`);
  }

  /** What the threads have done and found wrong. */
  async check(): Promise<{ writes: number; errors: number }> {
    const [writes = 0, errors = 0] = (await this.program.ask('check')).split(' ').map(Number);
    return { writes, errors };
  }

  [Symbol.dispose](): void {
    this.program.kill();
  }
}
