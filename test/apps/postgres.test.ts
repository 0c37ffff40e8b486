import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { Postgres } from './postgres.js';
import { expectRight, makeData } from './postgres-data.js';
import { trackRounds } from './track-rounds.js';

const nrClients = 4;
const benchSeconds = 100;

/** One of the clients that run transactions; before them pgbench connects once more. */
async function pidOfClient(postgres: Postgres): Promise<number> {
  let pids: string[] = [];
  await waitFor(
    'the clients of pgbench',
    () => {
      pids = postgres
        .query("select pid from pg_stat_activity where application_name = 'pgbench' order by pid")
        .split('\n');
      return pids.length === nrClients;
    },
    60_000,
  );
  return Number(pids[0]);
}

describe('a backend of PostgreSQL under pgbench', () => {
  it('is tracked for 20 rounds without a lost write, and the data are right afterwards', async () => {
    await using postgres = await Postgres.start();
    makeData(postgres);
    const bench = postgres.startBench('-n', '-c', `${nrClients}`, '-T', `${benchSeconds}`);
    const pid = await pidOfClient(postgres);
    const rounds = await trackRounds(pid);
    // It worked all the time, or there was nothing to see.
    expect(rounds.every(({ dirtyPages }) => dirtyPages > 0)).to.equal(true);
    const { code, output } = await bench.end();
    expect(code, output).to.equal(0);
    expect(output).to.include('number of failed transactions: 0');
    console.log(/^tps = .*$/m.exec(output)?.[0]);
    await expectRight(postgres);
  });
});
