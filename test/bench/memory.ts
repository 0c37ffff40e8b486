/*
 * What tracking a fork family costs in memory, and what its images take. The family does the same
 * once untracked and once tracked; memory is measured after everybody has read everything. Runs in a
 * guest; scripts/bench starts it.
 *
 *   memory.js OUTPUT
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { TreeTracker } from '../../src/tree-tracker.js';
import { Crowd } from '../support/crowd.js';

const [output = '/dev/stdout'] = process.argv.slice(2);

const nrProcesses = 16;
const rounds = 4;
const family = { maxProcesses: 24, fanOut: 15, mappings: 1, pages: 16_384, segmentPages: 4096 };

/** Sums over all processes of a family, in KiB, as the kernel counts them. */
interface Memory {
  pssKib: number;
  rssKib: number;
  pssAnonKib: number;
  /** what the whole machine uses, without the page cache of files */
  machineKib: number;
}

function numberOf(text: string, name: string): number {
  return Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1]);
}

function machineKib(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const kib = (name: string) => numberOf(text, name);
  return kib('MemTotal') - kib('MemFree') - kib('Buffers') - kib('Cached') + kib('Shmem') - kib('SReclaimable');
}

async function look(crowd: Crowd): Promise<Memory> {
  const sum = { pssKib: 0, rssKib: 0, pssAnonKib: 0, machineKib: machineKib() };
  for (const pid of await crowd.pids()) {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    sum.pssKib += numberOf(text, 'Pss');
    sum.rssKib += numberOf(text, 'Rss');
    sum.pssAnonKib += numberOf(text, 'Pss_Anon');
  }
  return sum;
}

interface Hooks {
  start?: (pid: number) => Promise<unknown>;
  round?: () => Promise<unknown>;
  stop?: () => Promise<unknown>;
}

async function live({ start, round, stop }: Hooks): Promise<[string, Memory][]> {
  using crowd = await Crowd.start(family);
  await crowd.fork(nrProcesses - 1);
  await crowd.write(nrProcesses, 512);
  const steps: [string, Memory][] = [];
  const note = async (name: string) => {
    await crowd.read();
    steps.push([name, await look(crowd)]);
    console.log(name, JSON.stringify(steps.at(-1)?.[1]));
  };
  await note('before');
  await start?.(crowd.pid);
  steps.push(['swap unread', await look(crowd)]);
  await note('swap');
  for (let i = 1; i <= rounds; i++) {
    await crowd.write(nrProcesses, 128);
    await crowd.put(256);
    if (i === 3) await crowd.fork(4);
    await round?.();
    await note(`round ${i}`);
  }
  await stop?.();
  await note('revert');
  await crowd.check();
  return steps;
}

const untracked = await live({});
const directory = mkdtempSync('/tmp/tracker-bench-');
let tracker: TreeTracker | undefined;
const images: { round: number; bytes: number }[] = [];
const tracked = await live({
  start: async (pid) => {
    const started = await TreeTracker.start({ pids: [pid], isTree: true, images: path.join(directory, 'images') });
    tracker = started.tracker;
    console.log(JSON.stringify({ ...started.round, members: undefined }));
    images.push({ round: 0, bytes: started.round.bytes });
  },
  round: async () => {
    const round = await tracker?.round();
    console.log(JSON.stringify({ ...round, members: undefined }));
    images.push({ round: round?.round ?? 0, bytes: round?.bytes ?? 0 });
  },
  stop: async () => tracker?.stop(),
});
rmSync(directory, { recursive: true });
for (const [i, [name, memory]] of tracked.entries()) {
  const twin = untracked[i]?.[1];
  if (!twin) continue;
  const growth = (memory.pssKib / twin.pssKib - 1) * 100;
  console.log(name.padEnd(12), twin.pssKib, memory.pssKib, growth.toFixed(2), '%', memory.machineKib - (untracked[0]?.[1].machineKib ?? 0), twin.machineKib - (untracked[0]?.[1].machineKib ?? 0));
}
console.log(images, JSON.stringify(untracked[0]));
writeFileSync(output, JSON.stringify({ untracked, tracked, images }));
