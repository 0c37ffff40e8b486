import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MostlyUnwritten } from '../../src/dump/mostly-unwritten.js';
import { PinnedRanges } from '../../src/dump/pinned-ranges.js';
import { SharedMappings } from '../../src/dump/sharing.js';
import { swapNew } from '../../src/dump/swap-new.js';
import { ImageDirectory } from '../../src/image/index.js';
import type { Layout } from '../../src/kernel/layout.js';
import type { Session } from '../../src/kernel/session.js';
import type { Harvest } from '../../src/native.js';
import { describeTarget } from '../../src/proc/target.js';
import type { Area } from './pages.js';

let nrDirectories = 0;
const base = mkdtempSync('/tmp/tracker-test-');

/** A path for images that does not exist yet. */
export function newImagesPath(): string {
  nrDirectories++;
  return path.join(base, `images-${nrDirectories}`);
}

/** Makes room: the guest's disk is small. */
export function removeAllImages(): void {
  for (const name of readdirSync(base)) rmSync(path.join(base, name), { recursive: true });
}

/** Swaps all that can be, in a freeze. */
export async function swapAll(session: Session): Promise<void> {
  const { pid } = session;
  await using images = await ImageDirectory.create(newImagesPath(), {
    target: describeTarget(pid),
  });
  const target = describeTarget(pid);
  const context = {
    pid,
    session,
    images,
    target,
    parentPid: 1,
    member: 0,
    pinned: new PinnedRanges(),
    unwritten: new MostlyUnwritten(),
    sharedMappings: new SharedMappings(),
  };
  await swapNew(context, await session.layout(), false);
}

/** Harvests and commits. */
export async function harvestAndCommit(session: Session): Promise<Harvest> {
  const harvest = await session.harvest();
  session.commit(harvest.epoch);
  return harvest;
}

/** Pages of the area that are in the harvest, counted from its start. */
export function pagesOf(harvest: Harvest, layout: Layout, area: Area, nrPages: number): number[] {
  const pages: number[] = [];
  for (let i = 0; i < layout.length; i++) {
    const region = layout.region(i);
    if (region === 0) continue;
    const shift = layout.startPage(i) - layout.regionPage(i);
    for (let run = 0; run < harvest.runs.length; run += 3) {
      if (harvest.runs[run] !== region) continue;
      const first = (harvest.runs[run + 1] ?? 0) + shift;
      for (let page = first; page < first + (harvest.runs[run + 2] ?? 0); page++) {
        const isHere = layout.startPage(i) <= page && page < layout.endPage(i);
        if (isHere && page >= area.page && page < area.page + nrPages) pages.push(page - area.page);
      }
    }
  }
  return pages.sort((a, b) => a - b);
}

/** Times that the module is in use, as lsmod shows. */
export function moduleUseCount(): number {
  const line = /^tracker \d+ (\d+)/m.exec(readFileSync('/proc/modules', 'utf8'));
  return Number(line?.[1] ?? -1);
}

/** Unloads the module; the error has what rmmod says. */
export function unloadModule(): void {
  execFileSync('rmmod', ['tracker'], { stdio: 'pipe' });
}

/** Loads the module of the running kernel. */
export function loadModule(): void {
  const release = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim();
  execFileSync('insmod', [`/tracker/build/kmod/${release}/tracker.ko`]);
}

/** Content of pages as the images have it. */
export function valueOf(bytes: Buffer): bigint {
  return bytes.readBigUInt64LE(0);
}
