/**
 * A node of a cycle, or nothing where there is none. Linear in nodes and edges.
 * @param edges from each node to others; those that are no node of the map are ignored
 */
export function findCycle(edges: ReadonlyMap<number, readonly number[]>): number | undefined {
  const left = withoutEnds(edges);
  const [start] = left;
  if (start === undefined) return undefined;
  // Whoever is left leads to another one that is, and so into a cycle at last.
  const seen = new Set<number>();
  let node = start;
  while (!seen.has(node)) {
    seen.add(node);
    node = edges.get(node)?.find((next) => left.has(next)) ?? node;
  }
  return node;
}

/** Removes nodes that lead nowhere, until there are no more of them. */
function withoutEnds(edges: ReadonlyMap<number, readonly number[]>): Set<number> {
  const sources = new Map<number, number[]>();
  const nrLeft = new Map<number, number>();
  for (const [node, targets] of edges) {
    const known = targets.filter((target) => edges.has(target));
    nrLeft.set(node, known.length);
    for (const target of known) {
      const list = sources.get(target);
      if (list) list.push(node);
      else sources.set(target, [node]);
    }
  }
  const left = new Set(edges.keys());
  const ends = [...left].filter((node) => nrLeft.get(node) === 0);
  for (let end = ends.pop(); end !== undefined; end = ends.pop()) {
    left.delete(end);
    for (const source of sources.get(end) ?? []) {
      const nr = (nrLeft.get(source) ?? 0) - 1;
      nrLeft.set(source, nr);
      if (nr === 0) ends.push(source);
    }
  }
  return left;
}
