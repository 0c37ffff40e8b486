/*
 * Tracks test/programs/soak.c, which writes memory of every kind at random, for some minutes, each
 * of which ends with a verified stop. Runs in a guest; scripts/soak starts it.
 *
 *   soak.js MINUTES SEED [OPTION OF THE PROGRAM...]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { StopReport } from '../../src/index.js';
import { TrackerError } from '../../src/errors.js';
import { Tracker } from '../../src/tracker.js';
import { Program } from '../support/programs.js';
import { Random } from './random.js';

const [minutesText = '', seedText = '', ...programOptions] = process.argv.slice(2);
const minutes = Number(minutesText);
const seed = Number(seedText);
const minuteMs = 60_000;
const maxPauseMs = 1500;
/** A check waits for every thread's operation, and for a stop that a round makes. */
const checkBoundMs = 180_000;

const random = new Random(seed);
const directory = mkdtempSync('/tmp/tracker-soak-');
// Children of the program share its memory.
const sharing = { allowExternalSharing: true };

const total = { rounds: 0, pages: 0, verifies: 0, verifiedPages: 0, operations: '0', checks: '0' };

/** One of the ways in which huge pages come about, or none. */
function chooseHugePages(): void {
  const mode = ['always', 'madvise', 'never'][random.below(3)] ?? 'never';
  writeFileSync('/sys/kernel/mm/transparent_hugepage/enabled', mode);
}

/** Every page of the program, compared by itself. */
async function checkProgram(program: Program): Promise<void> {
  [, total.operations = '', total.checks = ''] = (await program.ask('check', checkBoundMs)).split(
    ' ',
  );
}

/** Rounds until the end, each by the same controller or the next one. */
async function takeRounds(first: Tracker, endMs: number): Promise<Tracker> {
  const options = { pid: first.pid, images: first.images.path, ...sharing };
  let tracker = first;
  while (performance.now() < endMs) {
    await pause(random.below(maxPauseMs));
    if (random.below(8) === 0) {
      await tracker.close();
      tracker = await Tracker.resume(options);
    }
    const round = await tracker.round();
    total.rounds++;
    total.pages += round.pages;
  }
  return tracker;
}

function expectExact({ verify }: StopReport): void {
  if (verify?.lostWrites !== 0 || verify.unreadable !== 0)
    throw new Error(`the images differ from the memory: ${JSON.stringify(verify)}`);
  total.verifies++;
  total.verifiedPages += verify.pages;
}

async function soakMinute(program: Program, minute: number): Promise<void> {
  const endMs = performance.now() + minuteMs;
  const images = path.join(directory, `minute-${minute}`);
  chooseHugePages();
  const started = await Tracker.start({ pid: program.pid, images, ...sharing });
  total.pages += started.round.pages;
  const tracker = await takeRounds(started.tracker, endMs);
  await checkProgram(program);
  const stop = await tracker.stop({ verify: true });
  expectExact(stop);
  await checkProgram(program);
  rmSync(images, { recursive: true });
  console.log(
    `minute ${minute}: ${total.rounds} rounds, ${total.pages} pages, ${total.operations} ` +
      `operations, ${total.checks} checks, ${total.verifies} verifies; last freeze ` +
      `${stop.freezeMs.toFixed(0)} ms, untracked ${untrackedOf(stop)}`,
  );
}

function untrackedOf({ final }: StopReport): string {
  const list = final.untracked.map(({ kind, reason, pages }) => `${kind} (${reason}) ${pages}`);
  return list.join(', ') || 'none';
}

/** The end of the program before its time: it has found something wrong, and said what. */
async function untilDeath(program: Program): Promise<never> {
  const { code, signal } = await program.exit;
  throw new Error(`the program has ended with ${signal ?? `status ${code ?? '?'}`}`);
}

async function soak(program: Program): Promise<void> {
  for (let minute = 1; minute <= minutes; minute++) await soakMinute(program, minute);
}

async function main(): Promise<void> {
  console.log(`soak: seed ${seed}, ${minutes} minutes`);
  const options = ['--serve', '--seed', String(seed), ...programOptions];
  using program = await Program.start('soak', ...options);
  await Promise.race([soak(program), untilDeath(program)]);
  await program.ask('quit', checkBoundMs);
  const { code } = await program.exit;
  if (code !== 0) throw new Error(`the program has ended with status ${code ?? '?'}`);
}

function messageOf(error: unknown): string {
  if (error instanceof TrackerError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

try {
  await main();
  console.log(
    `soak: ${minutes} minutes, seed ${seed}: ${total.rounds} rounds, ${total.pages} pages, ` +
      `${total.operations} operations, ${total.verifies} verifies of ${total.verifiedPages} pages: ` +
      '0 lost writes, 0 violations',
  );
} catch (error) {
  console.log(`soak: FAILED: ${messageOf(error)}`);
  process.exitCode = 1;
}
rmSync(directory, { recursive: true });
