import { RedisConnection } from './redis-connection.js';

export const nrPairs = 5000;
const batch = 50;
const valueCharacters = 400;

/**
 * Writes pairs of keys, both with the same value in one command, so that every moment's data can be
 * told from a mixture of two. Knows what was written last.
 */
export class RedisLoad {
  readonly #versions = new Uint32Array(nrPairs);
  #nrWrites = 0;
  #isEnding = false;
  #pause: PromiseWithResolvers | undefined;

  get nrWrites(): number {
    return this.#nrWrites;
  }

  /** Writes each pair once, then pairs in an order that looks random, until {@link end}. */
  async run(connection: RedisConnection): Promise<void> {
    for (let at = 0; at < nrPairs || !this.#isEnding; at += batch) {
      await this.#pause?.promise;
      await Promise.all(
        Array.from({ length: batch }, async (_, i) => {
          const n = at + i;
          await this.#write(connection, n < nrPairs ? n : Math.imul(n, 2654435761) >>> 0);
        }),
      );
    }
  }

  /** Writes nothing more, but for what is under way, until {@link goOn}. */
  pause(): void {
    this.#pause ??= withResolvers();
  }

  goOn(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  /** What is under way is still finished. */
  end(): void {
    this.#isEnding = true;
    this.goOn();
  }

  async #write(connection: RedisConnection, n: number): Promise<void> {
    const pair = n % nrPairs;
    const value = valueOf(pair, (this.#versions[pair] ?? 0) + 1);
    this.#versions[pair] = (this.#versions[pair] ?? 0) + 1;
    const reply = await connection.send('mset', `a:${pair}`, value, `b:${pair}`, value);
    if (reply !== 'OK') throw new Error(`mset: ${reply}`);
    this.#nrWrites++;
  }

  /** Keys that have not the value that was written last. */
  async wrongKeys(connection: RedisConnection): Promise<string[]> {
    const pairs = await readPairs(connection);
    return pairs.flatMap(({ pair, values }) => {
      const expected = valueOf(pair, this.#versions[pair] ?? 0);
      return values.every((value) => value === expected) ? [] : [`${pair}`];
    });
  }
}

interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function valueOf(pair: number, version: number): string {
  return `${pair} ${version} `.repeat(valueCharacters).slice(0, valueCharacters);
}

async function readPairs(
  connection: RedisConnection,
): Promise<{ pair: number; values: [string, string] }[]> {
  return Promise.all(
    Array.from({ length: nrPairs }, async (_, pair) => ({
      pair,
      values: await Promise.all([
        connection.send('get', `a:${pair}`),
        connection.send('get', `b:${pair}`),
      ]),
    })),
  );
}

/** Pairs of which both halves do not have one value that was written: a torn snapshot. */
export async function tornPairs(connection: RedisConnection): Promise<number[]> {
  const pairs = await readPairs(connection);
  return pairs
    .filter(({ pair, values: [a, b] }) => {
      const version = Number(a.split(' ')[1]);
      return a !== b || !(version > 0) || a !== valueOf(pair, version);
    })
    .map(({ pair }) => pair);
}
