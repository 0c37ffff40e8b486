/*
 * What starting, rounds and stopping cost for trees of few and of many processes, with few and many
 * mappings. Runs in a guest; scripts/bench starts it.
 *
 *   scale.js OUTPUT
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Crowd } from '../support/crowd.js';

const [output = '/dev/stdout', only = ''] = process.argv.slice(2);

/** A tree to be measured. */
interface Tree {
  name: string;
  processes: number;
  mappings: number;
  pages: number;
}

const trees: Tree[] = [
  { name: 'few only', processes: 50, mappings: 1, pages: 200 },
  { name: 'few, many mappings', processes: 50, mappings: 100, pages: 2 },
  { name: 'few, much memory', processes: 50, mappings: 1, pages: 2000 },
  { name: 'many', processes: 500, mappings: 1, pages: 200 },
];

/** Processor time that this process has used. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Cost {
  ms: number;
  cpuMs: number;
}

async function measure<T>(work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  const [startMs, startCpuMs] = [performance.now(), cpuMs()];
  const result = await work();
  return { result, cost: { ms: performance.now() - startMs, cpuMs: cpuMs() - startCpuMs } };
}

async function run(tree: Tree): Promise<void> {
  const { processes, mappings, pages } = tree;
  const directory = mkdtempSync('/tmp/tracker-bench-');
  const segmentPages = 256;
  using crowd = await Crowd.start({
    maxProcesses: processes + 50,
    fanOut: 8,
    mappings,
    pages,
    segmentPages,
  });
  await crowd.fork(processes - 1);
  console.log(JSON.stringify(tree));
  const show = (what: string, cost: Cost, more: object = {}) => {
    console.log(
      `  ${what.padEnd(24)} ${cost.ms.toFixed(0).padStart(7)} ms  cpu ${cost.cpuMs.toFixed(0).padStart(7)} ms ${JSON.stringify(more)}`,
    );
  };
  const start = await measure(() =>
    TreeTracker.start({
      pids: [crowd.pid],
      isTree: true,
      images: path.join(directory, 'images'),
    }),
  );
  const { tracker, round } = start.result;
  show('start', start.cost, {
    vmas: round.members.reduce((sum, { nrVmas }) => sum + nrVmas, 0),
    members: round.members.length,
    harvestMs: round.harvestMs.toFixed(0),
    copyMs: round.copyMs.toFixed(0),
    commitMs: round.commitMs.toFixed(0),
    durationMs: round.durationMs.toFixed(0),
    freezeMs: round.freezeMs.toFixed(0),
    bytes: round.bytes,
  });
  const rounds: [string, () => Promise<void>][] = [
    ['idle', async () => Promise.resolve()],
    ['idle', async () => Promise.resolve()],
    ['500 pages by 50', () => crowd.write(50, 10)],
    ['500 pages by 50', () => crowd.write(50, 10)],
    ['64 of the segment', () => crowd.put(64)],
    ['all write one', () => crowd.write(processes, 1)],
    ['50 forked', () => crowd.fork(50)],
    ['500 pages by 50', () => crowd.write(50, 10)],
  ];
  for (let i = 0; i < Number(process.env['IDLE'] ?? 0); i++)
    rounds.splice(0, 0, ['idle', async () => Promise.resolve()]);
  for (const [name, change] of rounds) {
    const changed = await measure(change);
    const { result, cost } = await measure(() => tracker.round());
    show(name, cost, {
      changeMs: changed.cost.ms.toFixed(0),
      dirty: result.dirtyPages,
      pages: result.pages,
      refs: result.refPages,
      harvestMs: result.harvestMs.toFixed(0),
      copyMs: result.copyMs.toFixed(0),
      commitMs: result.commitMs.toFixed(0),
      durationMs: result.durationMs.toFixed(0),
    });
  }
  const stop = await measure(() => tracker.stop());
  show('stop', stop.cost, {
    freezeMs: stop.result.freezeMs.toFixed(0),
    revertMs: stop.result.revertMs.toFixed(0),
    harvestMs: stop.result.final.harvestMs.toFixed(0),
    copyMs: stop.result.final.copyMs.toFixed(0),
    commitMs: stop.result.final.commitMs.toFixed(0),
    durationMs: stop.result.final.durationMs.toFixed(0),
  });
  await crowd.check();
  rmSync(directory, { recursive: true });
}

for (const tree of trees) if (tree.name.includes(only)) await run(tree);
writeFileSync(output, '');
