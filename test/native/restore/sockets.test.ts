import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect } from 'chai';
import { dumpProcess } from '../../../src/dump/process/dump.js';
import { Program } from '../../support/programs.js';
import { dumpAndRestore, dumpProgram, ImagesDirectory } from '../../support/restored.js';

describe('restore of sockets', function () {
  this.timeout(240_000);

  it('keeps listening, bound and paired sockets, their options and what is in them', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/sockets', images.directory);
    using restored = await dumpAndRestore(program, images.path);
    expect(await restored.ask('')).to.equal('right');
  });

  it('leaves sockets and what is in them alone where the program runs on', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/sockets', images.directory);
    await dumpProgram(program, images.path, { leaveRunning: true });
    expect(await program.ask('')).to.equal('right');
  });

  it('refuses a TCP connection by both of its addresses', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      expect(await refusal('tcp', String(port))).to.match(
        new RegExp(`TCP connection 127\\.0\\.0\\.1:\\d+ -> 127\\.0\\.0\\.1:${port}\\b`),
      );
    } finally {
      server.close();
    }
  });

  it('refuses connected UDP, netlink and packet sockets by what they are', async () => {
    expect(await refusal('udp', '9')).to.match(/UDP connection \S+ -> 127\.0\.0\.1:9\b/);
    expect(await refusal('netlink')).to.contain('netlink socket of type 3, protocol 0');
    expect(await refusal('packet')).to.contain('packet socket of type 3, protocol 0');
  });

  it('refuses a unix socket by the process that has the other end', async () => {
    using images = new ImagesDirectory();
    using program = await Program.start('restore/connected', 'netlink');
    const failure: unknown = await dumpProcess({ pid: program.pid, images: images.path }).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property('code', 'NOT_DUMPABLE');
    expect((failure as Error).message).to.match(
      new RegExp(
        `fd 0 of pid ${program.pid}: unix socket \\[\\d+\\] connected to ` +
          `socket \\[\\d+\\] of pid ${process.pid}\\b`,
      ),
    );
    expect(await program.ask('')).to.equal('right');
  });
});

/** Why a program cannot be dumped, which runs on. */
async function refusal(...what: string[]): Promise<string> {
  using images = new ImagesDirectory();
  using program = await Program.start('restore/connected', ...what);
  const failure: unknown = await dumpProgram(program, images.path).catch((error: unknown) => error);
  expect(failure).to.have.property('code', 'NOT_DUMPABLE');
  expect(await program.ask('')).to.equal('right');
  const { message } = failure as Error;
  expect(message).to.contain(`fd 50 of pid ${program.pid}: `);
  return message;
}
