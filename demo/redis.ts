/*
 * The main job on a real program, inside the guest: track a busy Redis through some rounds, stop it
 * for the last one, prove that the images hold its memory, end it, and restore it from them with the
 * data of the moment of the freeze.
 *
 *   redis.js OUT   leaves images, report.json and demo.log in the directory OUT
 */
import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { RoundReport, StopReport } from '../src/index.js';

const nrRounds = 6;
const nrKeys = 70_000;
const valueBytes = 1000;
const port = '6400';
const answerBoundMs = 60_000;

const out = process.argv[2] ?? '/out';
const images = path.join(out, 'images');
const log = path.join(out, 'demo.log');

function say(text: string): void {
  console.log(text);
  appendFileSync(log, `${text}\n`);
}

function redis(...words: string[]): string {
  return execFileSync('redis-cli', ['-p', port, ...words], { encoding: 'utf8' }).trim();
}

/** Runs a command as a person would, and shows what a person sees. */
function show(...argv: string[]): void {
  say(`\n$ tracker ${argv.join(' ')}`);
  say(execFileSync('tracker', argv, { encoding: 'utf8' }).trimEnd());
}

/** Runs a command for its numbers. */
function tracker<T>(...argv: string[]): T {
  const text = execFileSync('tracker', [...argv, '--json'], { encoding: 'utf8' });
  appendFileSync(log, `\n$ tracker ${argv.join(' ')} --json\n${text}`);
  return JSON.parse(text) as T;
}

/** A server that nobody waits for: its streams lead nowhere, its log is a file. */
async function startRedis(): Promise<number> {
  const file = path.join(out, 'redis.log');
  const options = ['--port', port, '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
  const words = [...options, '--logfile', file, '--enable-debug-command', 'local'];
  const server = spawn('redis-server', words, { stdio: 'ignore', detached: true });
  if (server.pid === undefined) throw new Error('redis-server does not start');
  await untilAnswer();
  return server.pid;
}

/** Waits until the server answers. */
async function untilAnswer(): Promise<void> {
  const endMs = performance.now() + answerBoundMs;
  while (!isAnswering()) {
    if (performance.now() > endMs) throw new Error('redis-server does not answer');
    await delay(50);
  }
}

function isAnswering(): boolean {
  try {
    const answer = execFileSync('redis-cli', ['-p', port, 'ping'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return answer.trim() === 'PONG';
  } catch {
    return false;
  }
}

/** Whether the server has ended. */
function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

function startLoad(): () => Promise<void> {
  const words = ['-p', port, '-t', 'set', '-n', '100000000', '-r', '20000', '-d', '500', '-q'];
  const load = spawn('redis-benchmark', words, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => {
    load.once('exit', () => {
      resolve();
    });
  });
  return async () => {
    load.kill();
    await ended;
  };
}

/** Restores the server, and waits for it. */
async function restart(target: string): Promise<string> {
  while (!hasEnded(Number(target))) await delay(50);
  show('restore', images, '--detach');
  await untilAnswer();
  return `restored, it answers with ${redis('dbsize')} keys`;
}

async function main(): Promise<boolean> {
  mkdirSync(out, { recursive: true });
  writeFileSync(log, '');
  const pid = await startRedis();
  const target = String(pid);
  redis('debug', 'populate', String(nrKeys), 'key', String(valueBytes));
  const memory = /^used_memory_human:(\S+)/m.exec(redis('info', 'memory'))?.[1] ?? '';
  say(
    `redis-server ${target} holds ${redis('dbsize')} keys in ${memory}; a benchmark writes to it`,
  );
  const stopLoad = startLoad();

  const { round } = tracker<{ round: RoundReport }>('start', target, '--images', images);
  const rounds = [round];
  say(`round ${round.round}: ${round.pages} pages; frozen for ${round.freezeMs.toFixed(0)} ms`);
  rounds.push(
    ...tracker<{ rounds: RoundReport[] }>(
      ...['iterate', target, '--images', images],
      ...['--rounds', String(nrRounds), '--interval', '200'],
    ).rounds,
  );
  show('status', target);
  await stopLoad();
  const digest = redis('debug', 'digest');
  const stop = tracker<StopReport>('stop', target, '--images', images, '--verify', '--kill');
  rounds.push(stop.final);
  const isEnded = !isAnswering() && stop.isKilled;
  say(`\npid ${target} ${isEnded ? 'is killed' : 'LIVES'}; ${await restart(target)}`);
  const digestMatches = redis('debug', 'digest') === digest;
  redis('set', 'after', 'alive');
  const isAlive = redis('get', 'after') === 'alive';
  redis('shutdown', 'nosave');

  show('show', images);
  show('squash', images, path.join(out, 'squashed'));
  show('show', path.join(out, 'squashed'));
  const lostWrites = stop.verify?.lostWrites ?? -1;
  const report = {
    kernel: os.release(),
    rounds: rounds.map(({ round, pages, bytes, durationMs, freezeMs }) => ({
      round,
      pages,
      bytes,
      durationMs: Math.round(durationMs),
      freezeMs: Math.round(freezeMs),
    })),
    lostWrites,
    digestMatches,
    verifiedPages: stop.verify?.pages ?? 0,
    finalFreezeMs: Math.round(stop.freezeMs),
  };
  writeFileSync(path.join(out, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  const isRight = lostWrites === 0 && isEnded && digestMatches && isAlive;
  say(
    `\n${String(report.verifiedPages)} pages compared: lost writes: ${lostWrites}; ` +
      `the restored Redis ${isAlive ? 'answers' : 'does not answer'}, its data ${digestMatches ? 'matches' : 'DIFFERS'}`,
  );
  say(isRight ? 'VERDICT: the images are exact' : 'VERDICT: FAILED');
  return isRight;
}

process.exitCode = (await main()) ? 0 : 1;
