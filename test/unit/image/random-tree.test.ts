import { expect } from 'chai';
import {
  checkDirectory,
  ImageDirectory,
  type LayerWriter,
  type MemberDetails,
  PageReader,
  pageSharing,
  type RoundWriter,
  type SegmentDetails,
  squash,
  TreeResolver,
  type VmaRecord,
} from '../../../src/image/index.js';
import { anonVma, memberDetails, pageOf, Scratch, TARGET } from './fixtures.js';
import { Random } from './random.js';
import {
  ModelMember,
  type ModelPage,
  type ModelPages,
  ModelSegment,
  TreeModel,
} from './tree-model.js';

const NR_PAGES = 200;
const FIRST_PAGE = 0x7f0000000;
const NR_SOURCE_PAGES = 100;
const MAX_MEMBERS = 7;

type Stores = [page: number, what: ModelPage][];

/** Takes random rounds of a random tree, and tells a model. */
class RandomTree {
  readonly model = new TreeModel();
  /** content by place in the pages file, for each round */
  readonly #places: number[][] = [];
  #nextMember = 0;
  #nextSegment = 0;

  constructor(
    readonly random: Random,
    readonly directory: ImageDirectory,
    readonly source: { fd: number; contents: number[] },
  ) {}

  async takeRound(): Promise<void> {
    await using writer = await this.directory.beginRound();
    this.#places.push([]);
    this.#endSome();
    const segments = await this.#writeSegments(writer);
    const members: MemberDetails[] = [];
    for (const member of this.model.members.keys()) {
      const kind = this.random.chance(0.1) ? 'full' : 'delta';
      members.push(await this.#writeMember(writer, member, kind));
    }
    for (let nr = this.random.below(3); nr > 0 || members.length === 0; nr--) {
      if (this.model.members.size >= MAX_MEMBERS) break;
      members.push(await this.#writeNewborn(writer, [...this.model.members.keys()]));
    }
    await writer.commit({ isFrozen: false, members, segments, stats: {} });
  }

  #endSome(): void {
    const { members } = this.model;
    for (const member of [...members.keys()]) {
      if (members.size > 1 && this.random.chance(0.1)) members.delete(member);
    }
  }

  async #writeSegments(writer: RoundWriter): Promise<SegmentDetails[]> {
    const { segments } = this.model;
    if (segments.size < 2 && this.random.chance(0.4)) {
      segments.set(this.#nextSegment++, new ModelSegment());
    }
    const details: SegmentDetails[] = [];
    for (const [segment, model] of segments) {
      const isNew = model.nrPages === 0;
      model.nrPages = 1 + this.random.below(NR_PAGES);
      const kind = isNew || this.random.chance(0.1) ? 'full' : 'delta';
      await this.#writePages(writer.segment(segment), model, kind, 0, () => undefined);
      details.push({
        segment,
        dev: '00:01',
        inode: segment,
        path: '',
        nrPages: model.nrPages,
        kind,
      });
    }
    return details;
  }

  async #writeMember(
    writer: RoundWriter,
    member: number,
    kind: 'full' | 'delta',
    inherit: () => void = () => undefined,
  ): Promise<MemberDetails> {
    const model = this.#memberOf(member);
    const isNew = kind === 'full' || this.random.chance(0.3);
    if (isNew && model.vmas.length === 0) model.vmas = this.#layout();
    else if (isNew && this.random.chance(0.7)) model.vmas = this.#layout();
    await this.#writePages(writer.member(member), model, kind, FIRST_PAGE, inherit);
    const target = { ...TARGET, pid: 1000 + member };
    return memberDetails({ member, target, kind, vmas: isNew ? model.vmas : null });
  }

  /** A child of somebody, or of nobody, with its memory moved sometimes. */
  async #writeNewborn(writer: RoundWriter, living: number[]): Promise<MemberDetails> {
    const member = this.#nextMember++;
    const model = new ModelMember();
    this.model.members.set(member, model);
    const from = living[this.random.below(living.length)];
    if (from === undefined || this.random.chance(0.2)) {
      return this.#writeMember(writer, member, 'full');
    }
    const ranges: [page: number, nrPages: number, fromPage: number][] = [];
    for (let nr = this.random.below(5); nr > 0; nr--) {
      const [start, end] = this.#range(NR_PAGES);
      const [moved] = this.random.chance(0.5) ? [start] : this.#range(1);
      ranges.push([FIRST_PAGE + start, end - start, FIRST_PAGE + moved]);
    }
    for (const [page, nrPages, fromPage] of ranges)
      writer.member(member).inherit(page, nrPages, from, fromPage);
    model.vmas = [...this.#memberOf(from).vmas];
    return this.#writeMember(writer, member, 'full', () => {
      for (const [page, nrPages, fromPage] of ranges) {
        const stores: Stores = [];
        for (let i = 0; i < nrPages; i++) {
          const what = this.model.ownPage(from, fromPage + i);
          // The last range counts, also where the other one has nothing.
          if (what) stores.push([page + i, what]);
          else model.clear(page + i, page + i + 1);
        }
        model.store(stores);
      }
    });
  }

  /** What is cleared comes before what is inherited, and that before what is stored. */
  async #writePages(
    writer: LayerWriter,
    model: ModelPages,
    kind: 'full' | 'delta',
    first: number,
    inherit: () => void,
  ): Promise<void> {
    const stores: Stores = [];
    for (let nr = this.random.below(4); nr > 0; nr--) {
      await this.#append(writer, first, stores);
      if (this.random.chance(0.3)) {
        const [start, end] = this.#range(20);
        writer.appendZeros(first + start, end - start);
        for (let page = start; page < end; page++) stores.push([first + page, { content: 0 }]);
      }
      if (this.random.chance(0.6)) this.#addRefs(writer, first, stores);
    }
    if (kind === 'full') model.pages.clear();
    for (let nr = this.random.below(3); nr > 0; nr--) {
      const [start, end] = this.#range(60);
      writer.clear(first + start, first + end);
      model.clear(first + start, first + end);
    }
    inherit();
    model.store(stores);
  }

  async #append(writer: LayerWriter, first: number, stores: Stores): Promise<void> {
    const round = this.#places.length - 1;
    const places = this.#places[round] ?? [];
    const runs: number[] = [];
    for (let nr = this.random.below(10); nr > 0; nr--) {
      const [start, end] = this.#range(20);
      const sourcePage = this.random.below(NR_SOURCE_PAGES - 20);
      runs.push(sourcePage, first + start, end - start);
      for (let i = 0; i < end - start; i++) {
        const content = this.source.contents[sourcePage + i] ?? 0;
        const place = content === 0 ? {} : { place: `${round}:${places.length}` };
        if (content !== 0) places.push(content);
        stores.push([first + start + i, { content, ...place }]);
      }
    }
    const { extents } = await writer.append({
      sourceFd: this.source.fd,
      runs: Float64Array.from(runs),
    });
    // What the caller is told is where the pages are.
    for (let i = 0; i < extents.length; i++) {
      if (!extents.isZero(i)) expect(extents.filePage(i)).to.be.below(places.length);
    }
  }

  #addRefs(writer: LayerWriter, first: number, stores: Stores): void {
    const round = this.random.below(this.#places.length);
    const places = this.#places[round] ?? [];
    if (places.length === 0) return;
    const filePage = this.random.below(places.length);
    const [start, end] = this.#range(Math.min(30, places.length - filePage));
    writer.addRefs(first + start, end - start, round, filePage);
    for (let i = 0; i < end - start; i++) {
      const what = { content: places[filePage + i] ?? 0, place: `${round}:${filePage + i}` };
      stores.push([first + start + i, what]);
    }
  }

  #layout(): VmaRecord[] {
    const vmas: VmaRecord[] = [];
    const segments = [...this.model.segments.keys()];
    for (let page = 0; page < NR_PAGES;) {
      const end = Math.min(page + 1 + this.random.below(60), NR_PAGES);
      const segment = this.random.chance(0.3) ? segments[this.random.below(2)] : undefined;
      const shared = {
        shared: true,
        kind: 'anon-shared',
        offset: this.random.below(50) * 4096,
      } as const;
      const more = segment === undefined ? {} : { ...shared, segment };
      if (this.random.chance(0.8)) vmas.push(anonVma(FIRST_PAGE + page, FIRST_PAGE + end, more));
      page = end;
    }
    return vmas;
  }

  #range(limit: number): [start: number, end: number] {
    const start = this.random.below(NR_PAGES);
    return [start, Math.min(start + 1 + this.random.below(limit), NR_PAGES)];
  }

  #memberOf(member: number): ModelMember {
    const model = this.model.members.get(member);
    if (!model) throw new Error(`no member ${member}`);
    return model;
  }
}

/** What a model says of one round. */
interface Expected {
  memories: Map<number, Map<number, number>>;
  places: Map<number, number>;
  groups: Map<string, number>;
  nrPlaces: number;
}

function expectedOf(model: TreeModel): Expected {
  const members = [...model.members.keys()];
  return {
    memories: new Map(members.map((member) => [member, model.memory(member)])),
    places: new Map(members.map((member) => [member, model.places(member).size])),
    groups: model.groups(),
    nrPlaces: model.allPlaces().size,
  };
}

async function expectTree(
  directory: ImageDirectory,
  upTo: number,
  { memories, places, groups }: Expected,
): Promise<void> {
  const { rounds } = directory;
  const living = rounds[upTo]?.members.map(({ member }) => member);
  expect(living).to.have.members([...memories.keys()]);
  for (const [member, memory] of memories) {
    await using reader = new PageReader(directory, { member, upTo });
    for (const { startPage, endPage } of reader.chain.vmas) {
      const bytes = await reader.read(startPage, endPage - startPage);
      for (let page = startPage; page < endPage; page++) {
        const content = bytes.subarray((page - startPage) * 4096, (page - startPage + 1) * 4096);
        if (content.equals(pageOf(memory.get(page) ?? -1))) continue;
        const is = content.readUInt32LE(0);
        expect.fail(
          `round ${upTo}, member ${member}: page ${page - FIRST_PAGE} is ${is}, not ${memory.get(page)}`,
        );
      }
    }
  }
  const sharing = pageSharing(rounds, upTo);
  const found = sharing.groups.map(({ members, pages }) => [members.join(','), pages] as const);
  expect(new Map(found)).to.deep.equal(groups);
  const counted = sharing.members.map(({ member, pages }) => [member, pages] as const);
  expect(new Map(counted)).to.deep.equal(places);
}

describe('a tree of random rounds', () => {
  const random = new Random();

  for (let nr = 0; nr < 20; nr++) {
    const seed = random.below(2 ** 31);

    it(`means what a page by page model says, before and after squash (SEED ${seed})`, async () => {
      const choices = new Random(seed);
      await using scratch = await Scratch.create();
      const contents = Array.from({ length: NR_SOURCE_PAGES }, (_, i) =>
        choices.chance(0.25) ? 0 : i + 1,
      );
      const source = { fd: await scratch.source(contents), contents };
      const path = scratch.file('images');
      const expected: Expected[] = [];
      {
        await using directory = await ImageDirectory.create(path, { target: TARGET });
        const tree = new RandomTree(choices, directory, source);
        for (let nrRounds = 1 + choices.below(7); nrRounds > 0; nrRounds--) {
          await tree.takeRound();
          expected.push(expectedOf(tree.model));
        }
      }
      await checkDirectory(path);
      await using directory = await ImageDirectory.open(path);
      for (const [round, what] of expected.entries()) await expectTree(directory, round, what);

      const upTo = choices.below(expected.length);
      const what = expected[upTo];
      if (!what) throw new Error('no such round');
      const out = scratch.file('squashed');
      const meta = await squash(path, out, { upTo });
      await checkDirectory(out);
      await using squashed = await ImageDirectory.open(out);
      expect(squashed.rounds).to.have.length(1);
      expect(new TreeResolver(squashed.rounds).rounds[0]?.nextMember).to.equal(
        directory.rounds[upTo]?.nextMember,
      );
      await expectTree(squashed, 0, what);
      expect(meta.pagesBytes, 'each stored page once').to.equal(what.nrPlaces * 4096);
    });
  }
});
