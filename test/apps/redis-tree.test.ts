import { copyFileSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { expectFrugal } from './expect-frugal.js';
import { RedisConnection } from './redis-connection.js';
import { Redis } from './redis.js';
import { nrPairs, RedisLoad, tornPairs } from './redis-load.js';
import { trackTree } from './track-tree.js';

const ports = { first: 6403, copy: 6404 };
/** A dump has 10,000 keys: it takes some rounds, or all of a measurement. */
const slowUs = 500;
const verySlowUs = 500_000;
const burstWrites = 200;
const boundMs = 120_000;

const directory = mkdtempSync('/tmp/redis-tree-');
const inDirectory = (name: string) => path.join(directory, name);

describe('Redis and its BGSAVE children under load', () => {
  const load = new RedisLoad();
  let redis: Redis;
  let connection: RedisConnection;
  let running: Promise<void>;
  let nrDumps = 0;

  async function startSave(): Promise<number> {
    await redis.startSave();
    return redis.saving ?? 0;
  }

  async function keepDump(): Promise<void> {
    await redis.endSave();
    copyFileSync(inDirectory('dump.rdb'), inDirectory(`dump-${nrDumps++}.rdb`));
  }

  before(async () => {
    redis = await Redis.start(ports.first, directory, 'dump.rdb');
    connection = await RedisConnection.open(ports.first);
    running = load.run(connection);
    await waitFor('all pairs', () => load.nrWrites >= nrPairs, boundMs);
  });

  after(async () => {
    connection[Symbol.dispose]();
    await redis[Symbol.asyncDispose]();
  });

  it('are tracked as a tree for 20 rounds without a lost write', async () => {
    await redis.slowSave(slowUs);
    const saving: number[] = [];
    const rounds = await trackTree(redis.pid, async ({ round }) => {
      // A child that is born after one round, is a member in the next one, and ends some rounds later.
      if (round % 4 === 1) saving.push(await startSave());
      if (round % 4 === 0) await keepDump();
      // The last one is under way at the stop.
      if (round === 20) saving.push(await startSave());
    });
    await redis.slowSave(0);
    await keepDump();
    const childrenOf = ({ members }: (typeof rounds)[number]) =>
      members.filter(({ pid }) => saving.includes(pid));
    const born = rounds.flatMap(childrenOf).filter(({ isNew }) => isNew);
    expect(born.map(({ pid }) => pid)).to.deep.equal(saving);
    expect(rounds.at(-1)?.members.map(({ pid }) => pid)).to.deep.equal([redis.pid, saving.at(-1)]);
    const ended = rounds.flatMap((round) => round.ended.map(({ pid }) => pid));
    expect(ended).to.deep.equal(saving.slice(0, -1));
    // What it has of its parent is not stored again.
    for (const { parent, pages } of born) {
      expect(parent).to.equal(0);
      expect(pages).to.be.below((rounds[0]?.pages ?? 0) / 2);
    }
  });

  it('take no more memory while they are tracked', async () => {
    await redis.slowSave(verySlowUs);
    const child = await startSave();
    const pause = () => {
      load.pause();
    };
    const goOn = () => {
      load.goOn();
    };
    await expectFrugal(redis.pid, { pause, goOn, count: () => load.nrWrites }, burstWrites);
    expect(redis.saving).to.equal(child);
    await redis.slowSave(0);
    await redis.dropSave();
  });

  it('have their data right afterwards, and dumps of one moment', async () => {
    load.end();
    await running;
    console.log(`${load.nrWrites} pairs written, ${nrDumps} dumps`);
    expect(await load.wrongKeys(redis.connection)).to.deep.equal([]);
    for (let dump = 0; dump < nrDumps; dump++) {
      await using copy = await Redis.start(ports.copy, directory, `dump-${dump}.rdb`);
      expect(await tornPairs(copy.connection), `dump ${dump}`).to.deep.equal([]);
    }
    await redis.startSave();
    await redis.endSave();
    await using second = await Redis.start(ports.copy, directory, 'dump.rdb');
    expect(await second.digest()).to.equal(await redis.digest());
    expect(await load.wrongKeys(second.connection)).to.deep.equal([]);
  });
});
