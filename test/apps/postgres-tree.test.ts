import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { expectFrugal } from './expect-frugal.js';
import { type Bench, Postgres } from './postgres.js';
import { expectRight, makeData } from './postgres-data.js';
import { type MeasuredRound, trackTree } from './track-tree.js';
import { cpuTicks } from './tree-memory.js';

const nrClients = 4;
/** Clients whose connections last for some rounds. */
const nrVisitors = 2;
/** Transactions of the one that makes a connection for each. */
const nrShort = 5;
const all = nrClients + nrVisitors;
const endless = ['-T', '100000'];
const burstTicks = 30;
const warmTicks = 200;
const boundMs = 120_000;

/**
 * A backend for each transaction, until `end` says so: most are born and end within one round.
 * @returns how many
 */
async function comeAndGo(postgres: Postgres, end: AbortSignal): Promise<number> {
  let nrBackends = 0;
  while (!end.aborted) {
    const { code, output } = await postgres.startBench('-n', '-C', '-t', `${nrShort}`).end();
    expect(code, output).to.equal(0);
    expect(output).to.include('number of failed transactions: 0');
    nrBackends += nrShort;
  }
  return nrBackends;
}

/** Whether clients have ended because of an error. */
function expectNoError({ output }: { output: string }): void {
  expect(output).not.to.match(/aborted|ERROR|FATAL/);
}

/** Clients that come after every third round, and stay for two. */
async function trackWithVisitors(postgres: Postgres): Promise<MeasuredRound[]> {
  let visitors: Bench | undefined;
  const rounds = await trackTree(postgres.pid, async ({ round }) => {
    if (round % 3 === 1) {
      visitors = postgres.startBench('-n', '-c', `${nrVisitors}`, ...endless);
      await waitFor('visitors', () => nrBackends(postgres) >= all, boundMs);
    }
    if (round % 3 === 0 && visitors) expectNoError(await visitors.stop());
  });
  if (visitors) expectNoError(await visitors.stop());
  return rounds;
}

describe('the whole tree of PostgreSQL under pgbench', () => {
  let postgres: Postgres;
  let bench: Bench;

  before(async () => {
    postgres = await Postgres.start();
    makeData(postgres);
    bench = postgres.startBench('-n', '-c', `${nrClients}`, ...endless);
    const ticks = cpuTicks(postgres.pid);
    await waitFor('work', () => cpuTicks(postgres.pid) >= ticks + warmTicks, boundMs);
  });

  after(async () => {
    await postgres[Symbol.asyncDispose]();
  });

  it('is tracked for 20 rounds without a lost write, backends that come and go too', async () => {
    const end = new AbortController();
    const coming = comeAndGo(postgres, end.signal);
    const rounds = await trackWithVisitors(postgres).finally(() => {
      end.abort();
    });
    console.log(`${await coming} backends for one transaction each`);
    expect(rounds.every(({ dirtyPages }) => dirtyPages > 0)).to.equal(true);
    const joined = rounds.slice(1).flatMap(({ members }) => members.filter(({ isNew }) => isNew));
    expect(joined).to.have.length.of.at.least(7 * nrVisitors);
    // Each is a child of the postmaster's, and does not store again what it has of it.
    for (const { parent, pages, pid } of joined) {
      expect(parent, `pid ${pid}`).to.equal(0);
      expect(pages, `pid ${pid}`).to.be.below(rounds[0]?.members[0]?.pages ?? 0);
    }
    const ended = rounds.flatMap((round) => round.ended);
    expect(ended).to.have.length.of.at.least(6 * nrVisitors);
    // The shared buffers, once.
    expect(Math.max(...(rounds[0]?.segments ?? []).map(({ pages }) => pages))).to.be.above(1000);
  });

  it('takes no more memory while it is tracked', async () => {
    const count = () => cpuTicks(postgres.pid);
    const pause = () => {
      bench.pause();
    };
    const goOn = () => {
      bench.goOn();
    };
    await expectFrugal(postgres.pid, { pause, goOn, count }, burstTicks);
  });

  it('has its data right afterwards', async () => {
    expectNoError(await bench.stop());
    await waitFor('no clients', () => nrBackends(postgres) === 0, boundMs);
    await expectRight(postgres);
  });
});

/** Those that work, or did until a moment ago, for clients of pgbench. */
function nrBackends(postgres: Postgres): number {
  const query = "select count(*) from pg_stat_activity where application_name = 'pgbench'";
  return Number(postgres.query(query));
}
