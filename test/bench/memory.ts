/*
 * What tracking a fork family costs in memory, and what its images take. Two families do the same,
 * one untracked, one tracked; memory is measured after everybody has read everything. Runs in a
 * guest; scripts/bench starts it.
 *
 *   memory.js OUTPUT
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Crowd } from '../support/crowd.js';
import { printTable } from './table.js';

const [output = '/dev/null'] = process.argv.slice(2);

const nrProcesses = 16;
const nrRounds = 4;
const settleMs = 2000;
/** In this round there are children that the images do not know yet. */
const birthRound = 3;
const family = { maxProcesses: 24, fanOut: 15, mappings: 1, pages: 16_384, segmentPages: 4096 };

/** Of all processes of a family, as the kernel counts it. */
interface Memory {
  pssKib: number;
  rssKib: number;
  /** what the whole machine uses, without the page cache of files and without this process */
  machineKib: number;
}

/** What is done to a family on its way; nothing to the untracked one. */
interface Hooks {
  start?: (pid: number) => Promise<void>;
  round?: () => Promise<void>;
  stop?: () => Promise<void>;
}

interface Step {
  name: string;
  memory: Memory;
}

function kibOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
}

/** The tracker is in this process, which grows as every one of node does: that is not counted. */
function machineKib(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const own = kibOf(readFileSync('/proc/self/status', 'utf8'), 'RssAnon');
  const free = ['MemFree', 'Buffers', 'Cached', 'SReclaimable'];
  const used = kibOf(text, 'MemTotal') + kibOf(text, 'Shmem') - own;
  return free.reduce((rest, name) => rest - kibOf(text, name), used);
}

/** Bytes of all files of the images. */
function bytesOf(images: string): number {
  return readdirSync(images).reduce((sum, name) => sum + statSync(path.join(images, name)).size, 0);
}

async function measure(crowd: Crowd): Promise<Memory> {
  await crowd.read();
  const sum = { pssKib: 0, rssKib: 0, machineKib: machineKib() };
  for (const pid of await crowd.pids()) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    sum.pssKib += kibOf(text, 'Pss');
    sum.rssKib += kibOf(text, 'Rss');
  }
  return sum;
}

async function live({ start, round, stop }: Hooks): Promise<Step[]> {
  using crowd = await Crowd.start(family);
  await crowd.fork(nrProcesses - 1);
  await crowd.write(nrProcesses, 512);
  const steps: Step[] = [];
  const note = async (name: string) => steps.push({ name, memory: await measure(crowd) });
  await note('before');
  await start?.(crowd.pid);
  await note('round 0');
  for (let i = 1; i <= nrRounds; i++) {
    await crowd.write(nrProcesses, 128);
    await crowd.put(256);
    if (i === birthRound) await crowd.fork(4);
    await round?.();
    await note(`round ${i}`);
  }
  await stop?.();
  // The kernel frees what a session had a moment later.
  await pause(settleMs);
  await note('after revert');
  await crowd.check();
  return steps;
}

/** @param imageBytes what the images have in all after each round; added to */
async function liveTracked(images: string, imageBytes: number[]): Promise<Step[]> {
  let tracker: TreeTracker | undefined;
  try {
    return await live({
      start: async (pid) => {
        ({ tracker } = await TreeTracker.start({ pids: [pid], isTree: true, images }));
        imageBytes.push(bytesOf(images));
      },
      round: async () => {
        await tracker?.round();
        imageBytes.push(bytesOf(images));
      },
      stop: async () => {
        await tracker?.stop();
        imageBytes.push(bytesOf(images));
      },
    });
  } finally {
    await tracker?.close();
  }
}

function mib(kib: number): string {
  return (kib / 1024).toFixed(1);
}

function printSteps(untracked: readonly Step[], tracked: readonly Step[]): void {
  const rows = tracked.map(({ name, memory }, i) => {
    const twin = untracked[i]?.memory ?? memory;
    const growth = (memory.pssKib / twin.pssKib - 1) * 100;
    const machine = memory.machineKib - (tracked[0]?.memory.machineKib ?? 0);
    const twinMachine = twin.machineKib - (untracked[0]?.memory.machineKib ?? 0);
    const pss = [mib(twin.pssKib), mib(memory.pssKib), `${growth.toFixed(1)} %`];
    return [name, ...pss, mib(twinMachine), mib(machine)];
  });
  printTable(
    [
      'PSS, MiB',
      'untracked',
      'tracked',
      'growth',
      'machine without node since: untracked',
      'tracked',
    ],
    rows,
  );
}

const untracked = await live({});
const directory = mkdtempSync('/tmp/tracker-bench-');
const imageBytes: number[] = [];
const tracked = await liveTracked(path.join(directory, 'images'), imageBytes);
rmSync(directory, { recursive: true });

const before = tracked[0]?.memory ?? { pssKib: 0, rssKib: 0 };
const sums = { imageMib: mib((imageBytes[0] ?? 0) / 1024), pssMib: mib(before.pssKib) };
console.log(`\n${nrProcesses} processes of one family, emulated CPU`);
console.log(
  `round 0: files of the images ${sums.imageMib} MiB, sum of PSS ${sums.pssMib} MiB, ` +
    `sum of RSS ${mib(before.rssKib)} MiB\n`,
);
printSteps(untracked, tracked);
writeFileSync(
  output,
  JSON.stringify({ nrProcesses, family, imageBytes, untracked, tracked }, null, 2),
);
