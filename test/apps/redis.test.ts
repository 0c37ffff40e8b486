import { copyFileSync, mkdtempSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { RedisConnection } from './redis-connection.js';
import { Redis } from './redis.js';
import { nrPairs, RedisLoad, tornPairs } from './redis-load.js';
import { trackRounds } from './track-rounds.js';

const directory = mkdtempSync('/tmp/redis-');
const inDirectory = (name: string) => path.join(directory, name);

describe('Redis with BGSAVE under load', () => {
  it('is tracked for 20 rounds without a lost write, and its dumps are of one moment', async () => {
    await using redis = await Redis.start(6401, directory, 'dump.rdb');
    using connection = await RedisConnection.open(6401);
    const load = new RedisLoad();
    const running = load.run(connection);
    // A dump of an earlier moment would have less, which is not torn.
    await waitFor('all pairs', () => load.nrWrites >= nrPairs);
    let nrDumps = 0;
    await trackRounds(redis.pid, async (round) => {
      // A dump that begins at one round and ends some rounds later.
      if (round % 4 === 1) await redis.startSave();
      if (round % 4 === 0 && round < 20) {
        await redis.endSave();
        copyFileSync(inDirectory('dump.rdb'), inDirectory(`dump-${nrDumps++}.rdb`));
      }
      // The last one is under way at the stop.
      if (round === 20) {
        await redis.endSave();
        await redis.startSave();
      }
    });
    load.end();
    await running;
    await redis.endSave();
    copyFileSync(inDirectory('dump.rdb'), inDirectory(`dump-${nrDumps++}.rdb`));
    console.log(`${load.nrWrites} pairs written, ${nrDumps} dumps`);
    expect(await load.wrongKeys(redis.connection)).to.deep.equal([]);
    for (let dump = 0; dump < nrDumps; dump++) {
      await using copy = await Redis.start(6402, directory, `dump-${dump}.rdb`);
      expect(await tornPairs(copy.connection), `dump ${dump}`).to.deep.equal([]);
    }

    await redis.startSave();
    await redis.endSave();
    await using second = await Redis.start(6402, directory, 'dump.rdb');
    expect(await second.digest()).to.equal(await redis.digest());
    expect(await load.wrongKeys(second.connection)).to.deep.equal([]);
  });
});
