import type { Random } from '../../../soak/random.js';
import { SimulatedProcess } from './simulated-family.js';

interface Member {
  memory: SimulatedProcess;
  parent: Member | null;
  hasEnded: boolean;
}

const nrPages = 48;
const maxMembers = 12;

/** A family of which everything happens that changes who shares which pages. */
export class RandomFamily {
  readonly #all: Member[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    const memory = new SimulatedProcess();
    memory.map(0, nrPages, { file: '', origin: 0 });
    memory.map(8, 16, { file: '/lib', origin: 3 });
    for (let page = 0; page < nrPages; page++) if (page % 5 !== 0) memory.write(page, 0);
    this.#all.push({ memory, parent: null, hasEnded: false });
  }

  /** Who lives, the oldest first. */
  get members(): { memory: SimulatedProcess; parent: number | null }[] {
    const living = this.#living;
    return living.map(({ memory, parent }) => {
      const index = parent && !parent.hasEnded ? living.indexOf(parent) : -1;
      return { memory, parent: index < 0 ? null : index };
    });
  }

  get #living(): Member[] {
    return this.#all.filter(({ hasEnded }) => !hasEnded);
  }

  change(): void {
    const living = this.#living;
    const member = living[this.#random.below(living.length)];
    if (!member) return;
    const { memory } = member;
    const start = this.#random.below(nrPages);
    const end = Math.min(nrPages, start + 1 + this.#random.below(8));
    const choice = this.#random.below(12);
    if (choice < 3) this.#fork(member);
    else if (choice < 7) this.#write(memory, start, end);
    else if (choice === 7) this.#drop(memory, start, end);
    else if (choice === 8) memory.unmap(start, end);
    else if (choice === 9) this.#map(memory, start, end);
    else if (choice === 10) this.#move(memory, start, end);
    else if (living.length > 2) member.hasEnded = true;
  }

  #fork(member: Member): void {
    if (this.#living.length >= maxMembers) return;
    this.#all.push({ memory: member.memory.fork(), parent: member, hasEnded: false });
  }

  #write(memory: SimulatedProcess, start: number, end: number): void {
    for (let page = start; page < end; page++) if (memory.slots.has(page)) memory.write(page, 0);
  }

  #drop(memory: SimulatedProcess, start: number, end: number): void {
    for (let page = start; page < end; page++)
      if (memory.slots.has(page)) memory.drop(page, page + 1);
  }

  #map(memory: SimulatedProcess, start: number, end: number): void {
    const file = this.#random.below(3) === 0 ? '/lib' : '';
    memory.map(start, end, { file, origin: file === '' ? 0 : this.#random.below(2) });
  }

  #move(memory: SimulatedProcess, start: number, end: number): void {
    for (let page = start; page < end; page++) if (!memory.slots.has(page)) return;
    const to = this.#random.below(nrPages);
    if (to < end && to + (end - start) > start) return;
    memory.move(start, to, end - start);
  }
}
