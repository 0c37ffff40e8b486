/*
 * Dump and restore of a whole process without the module, against `cp` of the same bytes on the same
 * disk. Runs on the machine itself, as root; scripts/bench starts it.
 *
 *   process.js MIB DIRECTORY OUTPUT
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dumpProcess } from '../../src/dump/process/dump.js';
import { restoreProcess, waitForExit } from '../../src/restore/restore.js';
import { Program } from '../support/programs.js';
import { externalOf, handedIn } from '../support/restored.js';
import { printTable } from './table.js';

const [mib = '1024', directory = '/tmp', output = '/dev/null'] = process.argv.slice(2);
const repetitions = 5;

interface Row {
  step: string;
  /** of what was measured */
  bytes: number;
  ms: number;
  /** of this process, and for `cp` of that one */
  cpuMs: number;
  /** of the process, where it stood */
  freezeMs?: number;
  /** in terms of the row that it is compared with */
  speed?: number;
}

const scratch = mkdtempSync(path.join(directory, 'process-'));
const inScratch = (name: string): string => path.join(scratch, name);

function bytesOf(images: string): number {
  return readdirSync(images).reduce((sum, name) => sum + statSync(path.join(images, name)).size, 0);
}

/** The file that has the pages. */
function pagesFileOf(images: string): string {
  const files = readdirSync(images).map((name) => path.join(images, name));
  return files.reduce((a, b) => (statSync(a).size >= statSync(b).size ? a : b));
}

/** All of it leaves the page cache. */
function forget(...files: string[]): void {
  for (const file of files)
    execFileSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], {
      stdio: 'ignore',
    });
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The median of several runs, by time. */
async function measure(
  step: string,
  prepare: () => void | Promise<void>,
  run: () => Promise<{ bytes: number; freezeMs?: number }>,
): Promise<Row> {
  const rows: Row[] = [];
  for (let i = 0; i < repetitions; i++) {
    await prepare();
    // What was written before is no longer under way.
    execFileSync('sync');
    const startMs = performance.now();
    const startCpuMs = cpuMs();
    const result = await run();
    rows.push({ step, ...result, ms: performance.now() - startMs, cpuMs: cpuMs() - startCpuMs });
  }
  rows.sort((a, b) => a.ms - b.ms);
  const median = rows[Math.floor(rows.length / 2)];
  if (!median) throw new Error(`${step}: nothing was measured`);
  return median;
}

async function dump({ pid }: Program, images: string) {
  rmSync(images, { recursive: true, force: true });
  const { freezeMs } = await dumpProcess({
    pid,
    images,
    external: externalOf(pid),
    leaveRunning: true,
  });
  return { bytes: bytesOf(images), freezeMs };
}

async function restore(images: string) {
  const inherited = new Map(handedIn().map((fd) => [fd, fd]));
  const bytes = bytesOf(images);
  const restored = await restoreProcess({ images, inherited, isStopped: true });
  return { bytes, restored };
}

async function copy(from: string, isSynced: boolean) {
  const to = inScratch('copy');
  execFileSync('cp', [from, to]);
  if (isSynced) execFileSync('sync', [to]);
  return Promise.resolve({ bytes: statSync(to).size });
}

/** Copies to nowhere: what a reading of the bytes takes. */
async function read(from: string) {
  execFileSync('cp', [from, '/dev/null']);
  return Promise.resolve({ bytes: statSync(from).size });
}

/** Restores, and ends what was restored, which is not measured. */
async function measureRestore(step: string, images: string, prepare: () => void): Promise<Row> {
  const ended: (() => Promise<void>)[] = [];
  const endAll = async (): Promise<void> => {
    for (const end of ended.splice(0)) await end();
  };
  const row = await measure(
    step,
    async () => {
      await endAll();
      prepare();
    },
    async () => {
      const { bytes, restored } = await restore(images);
      ended.push(async () => {
        process.kill(restored.hostPid, 'SIGKILL');
        await waitForExit(restored);
      });
      return { bytes };
    },
  );
  await endAll();
  return row;
}

const images = inScratch('images');
const program = await Program.start('restore/filled', mib);
const nothing = (): void => undefined;
const removeCopy = (): void => {
  rmSync(inScratch('copy'), { force: true });
};
const dumped = await measure('dump', nothing, async () => dump(program, images));
const pages = pagesFileOf(images);
const synced = await measure('cp, and sync', removeCopy, async () => copy(pages, true));
const copied = await measure('cp', removeCopy, async () => copy(pages, false));
const freeze = { ...dumped, speed: synced.ms / dumped.ms };
program.kill();
await program.exit;
const readCold = await measure(
  'cp to nowhere, cold',
  () => {
    forget(pages);
  },
  async () => read(pages),
);
const copiedCold = await measure(
  'cp, cold',
  () => {
    removeCopy();
    forget(pages);
  },
  async () => copy(pages, false),
);
const warm = await measureRestore('restore', images, nothing);
const cold = await measureRestore('restore, cold', images, () => {
  forget(...readdirSync(images).map((name) => path.join(images, name)));
});
const rows: Row[] = [
  copied,
  synced,
  freeze,
  copiedCold,
  readCold,
  { ...warm, speed: copied.ms / warm.ms },
  { ...cold, speed: copiedCold.ms / cold.ms },
];
rmSync(scratch, { recursive: true });

console.log(
  `\na process of ${mib} MiB, median of ${repetitions}; speed of a dump against cp and sync,`,
);
console.log('of a restore against cp, with the files in the page cache and without (cold)');
printTable(
  ['', 'ms', 'cpu', 'freeze', 'MiB/s', 'speed'],
  rows.map(({ step, bytes, ms, cpuMs: cpu, freezeMs, speed }) => [
    step,
    ms.toFixed(0),
    cpu.toFixed(0),
    freezeMs?.toFixed(0) ?? '',
    ((bytes / 2 ** 20 / ms) * 1000).toFixed(0),
    speed?.toFixed(2) ?? '',
  ]),
);
writeFileSync(output, JSON.stringify({ mib: Number(mib), repetitions, rows }, null, 2));
