import { expect } from 'chai';
import type { Postgres } from './postgres.js';

/** Of the data: 100,000 accounts each. */
export const scale = 2;

/** What the transactions of pgbench keep equal. */
const sums = `
  select (select sum(abalance) from pgbench_accounts), (select sum(tbalance) from pgbench_tellers),
         (select sum(bbalance) from pgbench_branches), (select sum(delta) from pgbench_history)`;
const corruptIndexes = `
  select count(bt_index_check(c.oid, true)) from pg_class c join pg_am a on a.oid = c.relam
  where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'`;

/** Makes the tables of pgbench. */
export function makeData(postgres: Postgres): void {
  postgres.query('create extension amcheck');
  postgres.bench('-i', '-q', '-s', `${scale}`);
}

export function expectConsistent(postgres: Postgres): void {
  const [accounts, ...others] = postgres.query(sums).split('|');
  expect(others).to.deep.equal([accounts, accounts, accounts]);
  expect(postgres.query('select count(*) from pgbench_accounts')).to.equal(`${scale * 100_000}`);
  expect(Number(postgres.query(corruptIndexes))).to.be.greaterThan(10);
}

/** The data are right, on disk too, and nothing went wrong on the way. */
export async function expectRight(postgres: Postgres): Promise<void> {
  expectConsistent(postgres);
  await postgres.restart();
  expectConsistent(postgres);
  expect(postgres.log).not.to.match(/\b(PANIC|ERROR|terminated by signal)\b/);
}
