/*
 * What starting, rounds and stopping cost for trees of few and of many processes, with few and many
 * mappings: ten of a process' own are those of a small server, and more than 5,000 of 500 processes
 * together. Runs in a guest; scripts/bench starts it.
 *
 *   scale.js OUTPUT [NAME]     only trees with NAME in their name
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TreeTracker } from '../../src/tree-tracker.js';
import type { TreeRoundReport } from '../../src/tree/tree-reports.js';
import { Crowd } from '../support/crowd.js';
import { printTable } from './table.js';

const [output = '/dev/null', only = ''] = process.argv.slice(2);

/** A tree to be measured. The program has few mappings but those that are asked for. */
interface Tree {
  name: string;
  processes: number;
  /** private ones of each process */
  mappings: number;
  /** of each mapping */
  pages: number;
}

const trees: Tree[] = [
  { name: 'few', processes: 50, mappings: 10, pages: 20 },
  { name: 'few, many mappings', processes: 50, mappings: 100, pages: 2 },
  { name: 'few, much memory', processes: 50, mappings: 10, pages: 200 },
  { name: 'many', processes: 500, mappings: 10, pages: 20 },
];

/** That many processes are born in one of the rounds. */
const nrBirths = 50;

/** A step of a tree, in milliseconds: the whole call, and its parts. */
interface Row {
  step: string;
  ms: number;
  /** processor time of the tracker */
  cpuMs: number;
  freezeMs: number;
  harvestMs: number;
  copyMs: number;
  commitMs: number;
  dirtyPages: number;
  pages: number;
  bytes: number;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** @param work returns its result, and the report of its round */
async function measure<T>(
  step: string,
  work: () => Promise<{ result: T; report: TreeRoundReport; freezeMs: number }>,
): Promise<{ result: T; row: Row }> {
  const [startMs, startCpuMs] = [performance.now(), cpuMs()];
  const { result, report, freezeMs } = await work();
  const times = { ms: performance.now() - startMs, cpuMs: cpuMs() - startCpuMs, freezeMs };
  const { harvestMs, copyMs, commitMs, dirtyPages, pages, bytes } = report;
  const row = { step, ...times, harvestMs, copyMs, commitMs, dirtyPages, pages, bytes };
  return { result, row };
}

/** What happens before each round. */
function changesOf(crowd: Crowd, processes: number): [string, () => Promise<void>][] {
  const nothing = () => Promise.resolve();
  const write = () => crowd.write(50, 10);
  return [
    ['idle', nothing],
    ['idle', nothing],
    ['500 pages by 50', write],
    ['500 pages by 50', write],
    ['64 pages of the segment', () => crowd.put(64)],
    ['a page by each', () => crowd.write(processes, 1)],
    [`${nrBirths} births`, () => crowd.fork(nrBirths)],
    ['500 pages by 50', write],
  ];
}

async function roundsOf(tracker: TreeTracker, crowd: Crowd, processes: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [step, change] of changesOf(crowd, processes)) {
    await change();
    const { row } = await measure(step, async () => {
      const report = await tracker.round();
      return { result: undefined, report, freezeMs: report.freezeMs };
    });
    rows.push(row);
  }
  return rows;
}

/** What was measured of a tree. */
interface Measured {
  /** mappings of all processes together, at the start */
  nrVmas: number;
  rows: Row[];
}

async function measureTree(tree: Tree, images: string): Promise<Measured> {
  const { processes, mappings, pages } = tree;
  const maxProcesses = processes + nrBirths;
  using crowd = await Crowd.start({ maxProcesses, fanOut: 8, mappings, pages, segmentPages: 256 });
  await crowd.fork(processes - 1);
  const start = await measure('start', async () => {
    const { tracker, round } = await TreeTracker.start({ pids: [crowd.pid], isTree: true, images });
    const nrVmas = round.members.reduce((sum, member) => sum + member.nrVmas, 0);
    return { result: { tracker, nrVmas }, report: round, freezeMs: round.freezeMs };
  });
  const { nrVmas } = start.result;
  await using tracker = start.result.tracker;
  const rows = await roundsOf(tracker, crowd, processes);
  const stop = await measure('stop', async () => {
    const { final, freezeMs } = await tracker.stop();
    return { result: undefined, report: final, freezeMs };
  });
  await crowd.check();
  return { nrVmas, rows: [start.row, ...rows, stop.row] };
}

function printRows({ name, processes, mappings, pages }: Tree, { nrVmas, rows }: Measured): void {
  const size = `${processes} processes, ${mappings} x ${pages} pages each, ${nrVmas} VMAs together`;
  console.log(`\n${name}: ${size}; times in ms`);
  printTable(
    ['', 'all', 'cpu', 'freeze', 'harvest', 'copy', 'commit', 'dirty', 'stored', 'KiB'],
    rows.map(({ step, bytes, dirtyPages, pages: stored, ...row }) => {
      const { ms, cpuMs: cpu, freezeMs, harvestMs, copyMs, commitMs } = row;
      const times = [ms, cpu, freezeMs, harvestMs, copyMs, commitMs].map((time) => time.toFixed(0));
      return [step, ...times, dirtyPages, stored, (bytes / 1024).toFixed(0)];
    }),
  );
}

const results: (Tree & Measured)[] = [];
const chosen = trees.filter(({ name }) => name.includes(only));
if (chosen.length === 0) throw new Error(`no tree has ${only} in its name`);
for (const tree of chosen) {
  const directory = mkdtempSync('/tmp/tracker-bench-');
  const measured = await measureTree(tree, path.join(directory, 'images'));
  rmSync(directory, { recursive: true });
  printRows(tree, measured);
  results.push({ ...tree, ...measured });
}
writeFileSync(output, JSON.stringify(results, null, 2));
