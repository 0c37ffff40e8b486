import { type RoundMeta, TreeResolver } from '../../src/image/index.js';

/** Where images have each page of a tree's members at the last round. */
export class PagePlaces {
  readonly #rounds: readonly RoundMeta[];
  readonly #resolver: TreeResolver;

  constructor(rounds: readonly RoundMeta[]) {
    this.#rounds = rounds;
    this.#resolver = new TreeResolver(rounds);
  }

  /** `round:page` of a pages file: two pages with one place are stored once. `none` of zeros. */
  placeOf(pid: number, page: number): string {
    const last = this.#rounds.at(-1);
    const record = last?.members.find(({ target }) => target.pid === pid);
    if (!last || !record) throw new Error(`pid ${pid} is in no record of the last round`);
    const [piece] = this.#resolver.pageMap(record.member, last.number).entries(page, page + 1);
    return !piece || piece.isZero ? 'none' : `${piece.round}:${piece.filePage}`;
  }
}
