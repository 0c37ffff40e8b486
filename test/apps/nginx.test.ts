import { expect } from 'chai';
import { waitFor } from '../support/wait-for.js';
import { expectFrugal } from './expect-frugal.js';
import { HttpLoad } from './http-load.js';
import { Nginx } from './nginx.js';
import { trackTree } from './track-tree.js';

const nrWorkers = 16;
const nrClients = 16;
const thinkMs = 100;
const warmRequests = 500;
const burstRequests = 100;
const boundMs = 120_000;

describe('nginx with 16 workers under load', () => {
  let nginx: Nginx;
  let load: HttpLoad;

  before(async () => {
    nginx = await Nginx.start(nrWorkers, { front: 8081, behind: 8082 });
    load = await HttpLoad.start(nginx.ports.front, nrClients, thinkMs);
    await waitFor('answers', async () => (await load.counts()).requests > warmRequests, boundMs);
  });

  after(async () => {
    load[Symbol.dispose]();
    await nginx[Symbol.asyncDispose]();
  });

  it('is tracked as a tree for 20 rounds, and reloaded, without a lost write', async () => {
    const oldWorkers = nginx.workers;
    const areNew = () => nginx.workers.every((pid) => !oldWorkers.includes(pid));
    const rounds = await trackTree(nginx.pid, async ({ round }) => {
      if (round !== 10) return;
      // A worker that is told to end cuts an answer short now and then, tracked or not (2 of 328,000).
      await load.pause();
      nginx.reload();
      await waitFor('new workers alone', areNew, boundMs);
      await load.goOn();
    });
    expect(rounds.every(({ dirtyPages }) => dirtyPages > 0)).to.equal(true);
    const ended = rounds.flatMap((round) => round.ended.map(({ pid }) => pid));
    expect(ended).to.have.members(oldWorkers);
    const born = rounds
      .slice(1)
      .flatMap(({ members }) => members.filter(({ isNew }) => isNew).map(({ pid }) => pid));
    expect(born).to.have.members(nginx.workers);
    expect(rounds.at(-1)?.members).to.have.length(1 + nrWorkers);
  });

  it('takes no more memory while it is tracked', async () => {
    const count = async () => (await load.counts()).requests;
    const pause = () => load.pause();
    const goOn = () => load.goOn();
    await expectFrugal(nginx.pid, { pause, goOn, count }, burstRequests);
  });

  it('has answered every request, and counted it', async () => {
    const { requests, served, failed, again } = await load.end();
    console.log(`${requests} requests, ${failed} failed, ${again} made again`);
    expect(nginx.complaints).to.deep.equal([]);
    expect(failed).to.equal(0);
    expect(await nginx.nrRequests()).to.equal(served + 1);
  });
});
