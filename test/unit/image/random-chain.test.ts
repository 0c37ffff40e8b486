import { expect } from 'chai';
import {
  checkDirectory,
  ImageChain,
  ImageDirectory,
  PageReader,
  squash,
  type VmaRecord,
} from '../../../src/image/index.js';
import { anonVma, details, pageOf, Scratch, TARGET } from './fixtures.js';
import { Random } from './random.js';

const NR_PAGES = 600;
const NR_SOURCE_PAGES = 400;
const FIRST_PAGE = 0x7f0000000;

/** What a chain means, page by page: the slow and obvious way. */
class Model {
  readonly #contents = new Map<number, number>();
  vmas: VmaRecord[] = [];

  store(page: number, content: number): void {
    this.#contents.set(page, content);
  }

  clear(start: number, end: number): void {
    for (let page = start; page < end; page++) this.#contents.delete(page);
  }

  /** Content of every mapped page. */
  memory(): Map<number, number> {
    const memory = new Map<number, number>();
    for (const { startPage, endPage } of this.vmas) {
      for (let page = startPage; page < endPage; page++) {
        memory.set(page, this.#contents.get(page) ?? 0);
      }
    }
    return memory;
  }
}

function randomLayout(random: Random): VmaRecord[] {
  const vmas: VmaRecord[] = [];
  let page = FIRST_PAGE;
  while (page < FIRST_PAGE + NR_PAGES) {
    const end = Math.min(page + 1 + random.below(150), FIRST_PAGE + NR_PAGES);
    if (random.chance(0.8)) vmas.push(anonVma(page, end));
    page = end;
  }
  return vmas;
}

function randomRange(random: Random, limit: number): [start: number, end: number] {
  const start = random.below(NR_PAGES);
  const end = Math.min(start + 1 + random.below(limit), NR_PAGES);
  return [FIRST_PAGE + start, FIRST_PAGE + end];
}

async function writeRandomRound(
  random: Random,
  directory: ImageDirectory,
  source: { fd: number; contents: number[] },
  model: Model,
): Promise<void> {
  const isFull = directory.rounds.length === 0 || random.chance(0.1);
  const vmas = isFull || random.chance(0.3) ? randomLayout(random) : null;
  const stores: [page: number, content: number][] = [];
  await using writer = await directory.beginRound();
  if (isFull) model.clear(FIRST_PAGE, FIRST_PAGE + NR_PAGES);
  for (let nr = random.below(4); nr > 0; nr--) {
    const runs: number[] = [];
    for (let nrRuns = random.below(30); nrRuns > 0; nrRuns--) {
      const [start, end] = randomRange(random, random.chance(0.1) ? 300 : 10);
      const nrPages = Math.min(end - start, NR_SOURCE_PAGES);
      const sourcePage = random.below(NR_SOURCE_PAGES - nrPages + 1);
      runs.push(sourcePage, start, nrPages);
      for (let i = 0; i < nrPages; i++) {
        stores.push([start + i, source.contents[sourcePage + i] ?? 0]);
      }
    }
    await writer.member(0).append({ sourceFd: source.fd, runs: Float64Array.from(runs) });
    if (random.chance(0.3)) {
      const [start, end] = randomRange(random, 20);
      writer.member(0).appendZeros(start, end - start);
      for (let page = start; page < end; page++) stores.push([page, 0]);
    }
  }
  for (let nr = random.below(3); nr > 0; nr--) {
    const [start, end] = randomRange(random, 100);
    writer.member(0).clear(start, end);
    model.clear(start, end);
  }
  for (const [page, content] of stores) model.store(page, content);
  if (vmas) model.vmas = vmas;
  await writer.commit(details({ kind: isFull ? 'full' : 'delta', vmas }));
}

async function expectMemory(
  directory: ImageDirectory,
  upTo: number,
  memory: ReadonlyMap<number, number>,
): Promise<void> {
  await using reader = new PageReader(directory, { upTo });
  for (const { startPage, endPage } of reader.chain.vmas) {
    const bytes = await reader.read(startPage, endPage - startPage);
    for (let page = startPage; page < endPage; page++) {
      const content = bytes.subarray((page - startPage) * 4096, (page - startPage + 1) * 4096);
      const isRight = content.equals(pageOf(memory.get(page) ?? -1));
      if (!isRight) expect.fail(`round ${upTo}: page ${page} is wrong`);
    }
  }
  expect(countMapped(reader.chain)).to.equal(memory.size);
}

function countMapped(chain: ImageChain): number {
  let nrPages = 0;
  for (const piece of chain.pieces()) nrPages += piece.nrPages;
  return nrPages;
}

describe('a chain of random rounds', () => {
  const random = new Random();

  for (let nr = 0; nr < 12; nr++) {
    const seed = random.below(2 ** 31);

    it(`means what a page by page model says, before and after squash (SEED ${seed})`, async () => {
      const choices = new Random(seed);
      await using scratch = await Scratch.create();
      const contents = Array.from({ length: NR_SOURCE_PAGES }, (_, i) =>
        choices.chance(0.25) ? 0 : i + 1,
      );
      const source = { fd: await scratch.source(contents), contents };
      const path = scratch.file('images');
      const model = new Model();
      const memories: Map<number, number>[] = [];
      await using directory = await ImageDirectory.create(path, { target: TARGET });
      for (let nrRounds = 1 + choices.below(9); nrRounds > 0; nrRounds--) {
        await writeRandomRound(choices, directory, source, model);
        memories.push(model.memory());
      }

      await checkDirectory(path);
      await using reopened = await ImageDirectory.open(path);
      for (const [round, memory] of memories.entries()) {
        await expectMemory(reopened, round, memory);
      }
      const upTo = choices.below(memories.length);
      const out = scratch.file('squashed');
      await squash(path, out, { upTo });
      await checkDirectory(out);
      await using squashed = await ImageDirectory.open(out);
      expect(squashed.rounds).to.have.length(1);
      await expectMemory(squashed, 0, memories[upTo] ?? new Map());
    });
  }
});
