import type { Slot, Value, Word } from './plan/step.js';

/** The slots' values. */
export type Slots = Map<string, number>;

/** Where a call is going to write numbers, and which slots they are for. */
export interface Output {
  offset: number;
  slots: readonly string[];
}

const alignment = 16;
const longestDescriptorPath = 32;

/** Memory that this process and the one being restored share: what pointers of calls point to. */
export class ArgumentArea {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #address: number;
  #used = 0;

  /** @param address where the other process has it */
  constructor(area: ArrayBuffer, address: number) {
    this.#bytes = new Uint8Array(area);
    this.#view = new DataView(area);
    this.#address = address;
  }

  /** Forgets what was put: calls that use it have been run. */
  reset(): void {
    this.#used = 0;
  }

  /** Whether values need no more than there is room for. */
  hasRoom(values: readonly Value[]): boolean {
    return (
      this.#used + values.reduce<number>((sum, value) => sum + sizeOf(value), 0) <=
      this.#bytes.length
    );
  }

  /**
   * The 64-bit word that a call gets for a value.
   * @param outputs gets what the call is going to write
   */
  put(value: Value, slots: Slots, outputs: Output[]): bigint {
    if (typeof value === 'number' || typeof value === 'bigint')
      return BigInt.asUintN(64, BigInt(value));
    if ('slot' in value) return BigInt.asUintN(64, BigInt(slotOf(value, slots)));
    if ('text' in value) return this.#putBytes(Buffer.from(`${value.text}\0`));
    if ('descriptor' in value)
      return this.#putBytes(Buffer.from(`/proc/self/fd/${slotOf(value.descriptor, slots)}\0`));
    if ('bytes' in value) return this.#putBytes(value.bytes);
    if ('words' in value) return this.#putWords(value.words, slots, outputs);
    const offset = this.#take(value.out.length * 4);
    outputs.push({ offset, slots: value.out });
    return BigInt(this.#address + offset);
  }

  /** Takes what a call has written. */
  readOutput({ offset, slots }: Output, into: Slots): void {
    slots.forEach((slot, i) => into.set(slot, this.#view.getInt32(offset + i * 4, true)));
  }

  #putBytes(bytes: Uint8Array): bigint {
    const offset = this.#take(bytes.length);
    this.#bytes.set(bytes, offset);
    return BigInt(this.#address + offset);
  }

  #putWords(words: readonly Word[], slots: Slots, outputs: Output[]): bigint {
    const offset = this.#take(words.length * 8);
    words.forEach((word, i) => {
      this.#view.setBigUint64(offset + i * 8, this.#word(word, slots, outputs), true);
    });
    return BigInt(this.#address + offset);
  }

  #word(word: Word, slots: Slots, outputs: Output[]): bigint {
    if (typeof word !== 'object' || !('halves' in word)) return this.put(word, slots, outputs);
    const [low = 0n, high = 0n] = word.halves.map((half) =>
      BigInt.asUintN(32, BigInt(typeof half === 'number' ? half : slotOf(half, slots))),
    );
    return low | (high << 32n);
  }

  #take(bytes: number): number {
    const offset = this.#used;
    this.#used += align(bytes);
    if (this.#used > this.#bytes.length)
      throw new RangeError(`${bytes} bytes are too many arguments`);
    return offset;
  }
}

/** Slots that a value needs. */
export function slotsIn(value: Word): string[] {
  if (typeof value !== 'object') return [];
  if ('slot' in value) return [value.slot];
  if ('descriptor' in value) return [value.descriptor.slot];
  if ('words' in value) return value.words.flatMap(slotsIn);
  if ('halves' in value) return value.halves.flatMap((half) => slotsIn(half));
  return [];
}

function slotOf({ slot }: Slot, slots: Slots): number {
  const value = slots.get(slot);
  if (value === undefined) throw new RangeError(`nothing has set ${slot}`);
  return value;
}

function sizeOf(value: Word): number {
  if (typeof value !== 'object') return 0;
  if ('text' in value) return align(Buffer.byteLength(value.text) + 1);
  if ('descriptor' in value) return longestDescriptorPath;
  if ('bytes' in value) return align(value.bytes.length);
  if ('out' in value) return align(value.out.length * 4);
  if ('words' in value)
    return (
      align(value.words.length * 8) +
      value.words.reduce<number>((sum, word) => sum + sizeOf(word), 0)
    );
  return 0;
}

function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
