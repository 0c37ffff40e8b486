import { type Carried, carriedBy } from './carried.js';
import { sortContents, type SortedContents } from './content-pieces.js';
import type { FamilyPlan, FamilyProcess, FreePages, PlannedProcess } from './family.js';
import { forkTree, type ForkNode } from './fork-tree.js';
import { place, type Placed, Scratch } from './placement.js';
import { type ForkState, nothing, processSteps } from './process-steps.js';

/**
 * Plans how processes get their private memory by fork, so that each stored page is read once and
 * whoever had it has the same page again: by whatever descent, at whatever addresses.
 *
 * A stored page is read by the last common ancestor of all who have it, before that one forks the
 * first of those from which they descend. Whoever is on the way has it, too, until its own forks are
 * done. As the children are forked in the order in which they were born, with what the parent
 * had then, a page of the parent can hold one content after the other, as it did.
 *
 * Linear in processes, mappings and runs, but for sorting runs.
 * @param free addresses that no process maps
 */
export function planFamily(processes: readonly FamilyProcess[], free: FreePages): FamilyPlan {
  const { sorted: contents, holders } = sortContents(processes);
  const roots = forkTree(
    processes,
    contents.map(({ shared }) => shared),
  );
  const nodes = parentsFirst(roots);
  const carried = new Map<ForkNode, Carried[]>();
  for (const node of nodes.toReversed()) {
    const below = node.children.map((child) => carried.get(child) ?? []);
    carried.set(node, carriedBy(contentsOf(node, contents)?.shared ?? [], below, holders));
  }
  const planner = new Planner(processes, contents, carried, new Scratch(free));
  return {
    processes: planner.plan(nodes),
    repeatedPages: contents.reduce((sum, { repeatedPages }) => sum + repeatedPages, 0),
  };
}

function contentsOf(
  { process }: ForkNode,
  contents: readonly SortedContents[],
): SortedContents | undefined {
  return process === null ? undefined : contents[process];
}

function parentsFirst(roots: readonly ForkNode[]): ForkNode[] {
  const nodes: ForkNode[] = [];
  const waiting = [...roots];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    nodes.push(node);
    waiting.push(...node.children);
  }
  return nodes;
}

class Planner {
  readonly #numbers = new Map<ForkNode, number>();
  readonly #states = new Map<ForkNode, ForkState>();
  readonly #places = new Map<ForkNode, Placed[]>();

  constructor(
    readonly processes: readonly FamilyProcess[],
    readonly contents: readonly SortedContents[],
    readonly carried: ReadonlyMap<ForkNode, Carried[]>,
    readonly scratch: Scratch,
  ) {}

  plan(nodes: readonly ForkNode[]): PlannedProcess[] {
    nodes.forEach((node, number) => this.#numbers.set(node, number));
    return nodes.map((node) => this.#planOne(node));
  }

  #planOne(node: ForkNode): PlannedProcess {
    const { process, parent, children } = node;
    const parentPlaces = (parent && this.#places.get(parent)) ?? [];
    const carried = place(this.carried.get(node) ?? [], parentPlaces, this.scratch);
    const { steps, state } = processSteps(
      {
        mappings: process === null ? [] : (this.processes[process]?.mappings ?? []),
        own: contentsOf(node, this.contents)?.own ?? [],
        carried,
        parent: (parent && this.#states.get(parent)) ?? nothing,
        childIndex: node.index,
        children: children.map((child) => this.#numbers.get(child) ?? 0),
        isTemporary: process === null,
      },
      this.scratch,
    );
    this.#places.set(node, carried);
    this.#states.set(node, state);
    return { process, parent: parent && (this.#numbers.get(parent) ?? null), steps };
  }
}
