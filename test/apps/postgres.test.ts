import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { Postgres } from './postgres.js';
import { trackRounds } from './track-rounds.js';

const scale = 2;
const nrClients = 4;
const benchSeconds = 100;

/** What the transactions of pgbench keep equal. */
const sums = `
  select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
         (select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history)`;
const corruptIndexes = `
  select count(bt_index_check(c.oid, true)) from pg_class c join pg_am a on a.oid = c.relam
  where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'`;

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

function expectConsistent(postgres: Postgres): void {
  const [accounts, ...others] = postgres.query(sums).split('|');
  expect(others).to.deep.equal([accounts, accounts, accounts]);
  expect(postgres.query('select count(*) from pgbench_accounts')).to.equal(`${scale * 100_000}`);
  expect(Number(postgres.query(corruptIndexes))).to.be.greaterThan(10);
}

describe('a backend of PostgreSQL under pgbench', () => {
  it('is tracked for 20 rounds without a lost write, and the data are right afterwards', async () => {
    await using postgres = await Postgres.start();
    postgres.query('create extension amcheck');
    postgres.bench('-i', '-q', '-s', `${scale}`);
    const bench = postgres.startBench('-n', '-c', `${nrClients}`, '-T', `${benchSeconds}`);
    const pid = await pidOfClient(postgres);
    const rounds = await trackRounds(pid);
    // It worked all the time, or there was nothing to see.
    expect(rounds.every(({ dirtyPages }) => dirtyPages > 0)).to.equal(true);
    const { code, output } = await bench.end();
    expect(code, output).to.equal(0);
    expect(output).to.include('number of failed transactions: 0');
    console.log(/^tps = .*$/m.exec(output)?.[0]);
    expectConsistent(postgres);
    await postgres.restart();
    expectConsistent(postgres);
    expect(postgres.log).not.to.match(/\b(PANIC|ERROR|terminated by signal)\b/);
  });
});
