import type { Backing, FamilyMapping, FamilyStep, PageRun } from './family.js';
import { isSameBacking } from './carried.js';
import { endingAfter, forEachCommon, type Interval, subtract, unite } from './intervals.js';
import { pagesOf, type Placed, type Scratch, since } from './placement.js';

/** A private mapping, or a part of one. `start`, `end` are pages. */
export interface Area extends Interval {
  backing: Backing;
}

/** Pages that have content from a fork on. */
interface Presence extends Interval {
  sinceChild: number;
}

/** What a process has while it forks. */
export class ForkState {
  #known: { child: number; present: Interval[] } | undefined;

  constructor(
    /** sorted */
    readonly areas: readonly Area[],
    readonly presence: readonly Presence[],
  ) {}

  /** Where there is content when a child is forked. Sorted. */
  presentAt(child: number): Interval[] {
    const known = this.#known;
    const isChanged = ({ sinceChild }: Presence) =>
      sinceChild <= child && sinceChild > (known?.child ?? -1);
    if (!known || this.presence.some(isChanged)) {
      const present = unite(this.presence.filter(({ sinceChild }) => sinceChild <= child));
      this.#known = { child, present };
      return present;
    }
    return known.present;
  }
}

/** Of a process that nobody forks. */
export const nothing = new ForkState([], []);

/** A process that is to be made. */
export interface Task {
  mappings: readonly FamilyMapping[];
  /** what nobody else has, sorted by page */
  own: readonly PageRun[];
  /** with places, sorted by content */
  carried: readonly Placed[];
  parent: ForkState;
  /** which child of its parent it is */
  childIndex: number;
  /** planned processes, in the order in which they are forked */
  children: readonly number[];
  isTemporary: boolean;
}

/** What a process does from its birth until its private memory is as it was. */
export function processSteps(
  task: Task,
  scratch: Scratch,
): { steps: FamilyStep[]; state: ForkState } {
  const steps: FamilyStep[] = [];
  const state = arrange(task, scratch, steps);
  forkChildren(task, steps);
  if (!task.isTemporary) finish(task, state, steps);
  return { steps, state };
}

function areasOf(mappings: readonly FamilyMapping[]): Area[] {
  return mappings.map(({ startPage: start, endPage: end, file, origin }) => ({
    ...{ start, end },
    backing: { file, origin },
  }));
}

function byStart(a: Interval, b: Interval): number {
  return a.start - b.start;
}

// ---- birth

interface Move extends Interval {
  /** where `start` is in the parent */
  from: number;
}

/** From what the parent has at the fork to what the process has at its own first one. */
function arrange(task: Task, scratch: Scratch, steps: FamilyStep[]): ForkState {
  const { parent, childIndex } = task;
  const { areas, carriers } = layoutWhileForking(task);
  const moves = movesOf(task.carried, areas, parent.areas);
  const sources = moves.map(({ start, end, from }) => ({ start: from, end: from + (end - start) }));
  const common: Interval[] = [];
  forEachCommon(areas, parent.areas, (start, end, area, old) => {
    if (isSameBacking(area.backing, old.backing)) common.push({ start, end });
  });
  const kept = subtract(common, unite([...sources, ...moves]));
  unmapAll(subtract(parent.areas, unite([...kept, ...sources])), steps);
  moveAll(moves, sources, scratch, steps);
  const present = unite([...kept, ...moves]);
  mapAll(areas, present, steps);
  const junk = junkOf(task.carried, kept, moves, parent.presentAt(childIndex));
  const overwritten = unite([...readLater(task), ...carriers]);
  for (const { start, end } of subtract(junk, overwritten))
    steps.push({ do: 'drop', startPage: start, endPage: end });
  if (task.children.length === 0) return new ForkState(areas, []);
  const kinds: Presence[] = task.carried.map((piece) => ({
    ...pagesOf(piece),
    sinceChild: since(piece),
  }));
  const left = subtract(junk, subtract(junk, overwritten));
  return new ForkState(areas, [...kinds, ...left.map((range) => ({ ...range, sinceChild: 0 }))]);
}

/** The largest hole in what descendants want that is filled with one mapping of theirs. */
const maxHole = 1 << 18;

/** Its own mappings, and others for what it only carries. */
function layoutWhileForking({ mappings, carried }: Task): { areas: Area[]; carriers: Area[] } {
  const own = areasOf(mappings);
  const wanted = uniteAreas(
    carried.map((piece): Area => ({ ...pagesOf(piece), backing: piece.backing })),
  );
  const fitting: Interval[] = [];
  forEachCommon(wanted, own, (start, end, piece, area) => {
    if (isSameBacking(piece.backing, area.backing)) fitting.push({ start, end });
  });
  const carriers: Area[] = [];
  for (const piece of subtract(wanted, unite(fitting))) join(carriers, piece, own);
  return { areas: [...carriers, ...subtract(own, carriers)].sort(byStart), carriers };
}

/** What follows one another in time at the same pages has the same backing. */
function uniteAreas(areas: readonly Area[]): Area[] {
  const united: Area[] = [];
  for (const area of areas.toSorted(byStart)) {
    const last = united.at(-1);
    if (last && area.start <= last.end && isSameBacking(last.backing, area.backing))
      last.end = Math.max(last.end, area.end);
    else united.push({ ...area });
  }
  return united;
}

function join(carriers: Area[], piece: Area, own: readonly Area[]): void {
  const last = carriers.at(-1);
  const isNear =
    last && piece.start - last.end <= maxHole && isSameBacking(last.backing, piece.backing);
  const inBetween = last && endingAfter(own, last.end);
  if (isNear && !(inBetween && inBetween.start < piece.start)) last.end = piece.end;
  else carriers.push({ ...piece });
}

/** What has another place in the parent. Pages between two of them come along, if nobody minds. */
function movesOf(
  carried: readonly Placed[],
  areas: readonly Area[],
  parentAreas: readonly Area[],
): Move[] {
  const inherited = carried.filter(({ isInherited }) => isInherited);
  if (inherited.every(({ shift, parentShift }) => shift === parentShift)) return [];
  const moves: (Move & { last: Placed })[] = [];
  const next = followers(inherited);
  for (const piece of inherited.toSorted(byPage)) {
    if (piece.shift === piece.parentShift) continue;
    const { start, end } = pagesOf(piece);
    const from = fromOf(piece);
    const last = moves.at(-1);
    const isNext = last && next.get(last.last) === piece && last.start - last.from === start - from;
    const length = end - start;
    if (isNext && isOne(areas, last.start, end) && isOne(parentAreas, last.from, from + length))
      Object.assign(last, { end, last: piece });
    else moves.push({ start, end, from, last: piece });
  }
  return moves;
}

function fromOf({ start, parentShift }: Placed): number {
  return start + (parentShift ?? 0);
}

function byPage(a: Placed, b: Placed): number {
  return a.start + a.shift - (b.start + b.shift);
}

/** Whom each piece is followed by in both processes. */
function followers(inherited: readonly Placed[]): Map<Placed, Placed> {
  const there = inherited.toSorted((a, b) => fromOf(a) - fromOf(b));
  const nextThere = new Map(there.map((piece, i) => [piece, there[i + 1]]));
  const here = inherited.toSorted(byPage);
  const next = new Map<Placed, Placed>();
  here.forEach((piece, i) => {
    const follower = here[i + 1];
    if (follower && nextThere.get(piece) === follower) next.set(piece, follower);
  });
  return next;
}

/** Is there one area that has both pages? */
function isOne(areas: readonly Area[], first: number, last: number): boolean {
  const area = endingAfter(areas, first);
  return area !== undefined && area.start <= first && last <= area.end;
}

function unmapAll(ranges: readonly Interval[], steps: FamilyStep[]): void {
  for (const { start, end } of ranges) steps.push({ do: 'unmap', startPage: start, endPage: end });
}

/** Where one would land on what is yet to be moved, all of them go by another place. */
function moveAll(
  moves: readonly Move[],
  sources: readonly Interval[],
  scratch: Scratch,
  steps: FamilyStep[],
): void {
  let isDirect = true;
  forEachCommon(unite(moves), unite(sources), () => {
    isDirect = false;
  });
  const ways = moves.map(({ start, end, from }) => {
    const nrPages = end - start;
    return { start, from, nrPages, by: isDirect ? from : scratch.take(nrPages) };
  });
  for (const { from, by, nrPages } of ways)
    if (by !== from) steps.push({ do: 'move', fromPage: from, toPage: by, nrPages });
  for (const { start, by, nrPages } of ways)
    steps.push({ do: 'move', fromPage: by, toPage: start, nrPages });
}

function mapAll(areas: readonly Area[], present: readonly Interval[], steps: FamilyStep[]): void {
  for (const area of subtract(areas, present))
    steps.push({ do: 'map', startPage: area.start, endPage: area.end, ...area.backing });
}

/** Pages that the parent had, and the process has not. */
function junkOf(
  carried: readonly Placed[],
  kept: readonly Interval[],
  moves: readonly Move[],
  parentPresent: readonly Interval[],
): Interval[] {
  const inherited: Interval[] = [];
  forEachCommon(kept, parentPresent, (start, end) => inherited.push({ start, end }));
  const sources = moves
    .map((move) => ({ start: move.from, end: move.from + (move.end - move.start), move }))
    .sort(byStart);
  forEachCommon(sources, parentPresent, (start, end, { move }) => {
    const shift = move.start - move.from;
    inherited.push({ start: start + shift, end: end + shift });
  });
  const wanted = carried.filter(({ isInherited }) => isInherited).map(pagesOf);
  return subtract(unite(inherited), unite(wanted));
}

function readLater({ own, carried }: Task): Interval[] {
  return [
    ...own.map(({ page, nrPages }) => ({ start: page, end: page + nrPages })),
    ...carried.filter(({ isInherited }) => !isInherited).map(pagesOf),
  ];
}

// ---- forks

function forkChildren({ carried, children }: Task, steps: FamilyStep[]): void {
  const reads = carried
    .filter(({ isInherited }) => !isInherited)
    .sort((a, b) => a.firstChild - b.firstChild || byPage(a, b));
  let next = 0;
  children.forEach((child, index) => {
    for (let read = reads[next]; read && read.firstChild <= index; read = reads[++next])
      steps.push({ do: 'read', ...runOf(read) });
    steps.push({ do: 'fork', child });
  });
}

function runOf({ start, end, shift }: Placed): PageRun {
  return { page: start + shift, nrPages: end - start, content: start };
}

// ---- afterwards

/** What was there for children alone goes, what is the process' own comes. */
function finish({ mappings, own, carried }: Task, state: ForkState, steps: FamilyStep[]): void {
  const final = areasOf(mappings);
  const staying: Interval[] = [];
  forEachCommon(state.areas, final, (start, end, area, { backing }) => {
    if (isSameBacking(area.backing, backing)) staying.push({ start, end });
  });
  unmapAll(subtract(state.areas, unite(staying)), steps);
  mapAll(final, unite(staying), steps);
  const forOthers = unite(carried.filter(({ isOwn }) => !isOwn).map(pagesOf));
  const having = unite([
    ...carried.filter(({ isOwn }) => isOwn).map(pagesOf),
    ...own.map(({ page, nrPages }) => ({ start: page, end: page + nrPages })),
  ]);
  forEachCommon(subtract(forOthers, having), unite(staying), (start, end) => {
    steps.push({ do: 'drop', startPage: start, endPage: end });
  });
  for (const run of own) steps.push({ do: 'read', ...run });
}
