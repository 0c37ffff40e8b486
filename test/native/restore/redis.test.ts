import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect } from 'chai';
import { hasRedis, RedisServer } from '../../support/redis-server.js';
import { dumpProgram, ImagesDirectory, restoreProgram } from '../../support/restored.js';

describe('restore of a Redis', function () {
  this.timeout(240_000);

  before(function () {
    if (hasRedis()) return;
    console.log('skipped: there is no redis-server; apt-get install redis-server');
    this.skip();
  });

  it('has the data of the moment of the freeze, and answers', async () => {
    using images = new ImagesDirectory();
    using server = await RedisServer.start(await freePort(), images.directory);
    await server.ask('debug', 'populate', '20000', 'key', '100');
    await server.ask('rpush', 'list', 'a', 'b', 'c');
    const digest = await server.ask('debug', 'digest');
    await dumpProgram(server, images.path);
    using restored = await restoreProgram(server.pid, images.path);
    await server.answering();
    expect(await server.ask('debug', 'digest')).to.equal(digest);
    expect(await server.ask('-h', '::1', 'lrange', 'list', '0', '-1')).to.equal('a\nb\nc');
    expect(await server.ask('incr', 'after')).to.equal('1');
    expect(await server.ask('dbsize')).to.equal('20002');
    server[Symbol.dispose]();
    expect((await restored.exit).code).not.to.equal(0);
  });

  it('is refused while a client is connected, by both addresses', async () => {
    using images = new ImagesDirectory();
    using server = await RedisServer.start(await freePort(), images.directory);
    const client = connect(server.port, '127.0.0.1');
    try {
      client.write('PING\r\n');
      await once(client, 'data');
      const refused: unknown = await dumpProgram(server, images.path).catch(
        (error: unknown) => error,
      );
      const { localPort = 0 } = client;
      expect(refused).to.have.property('code', 'NOT_DUMPABLE');
      expect((refused as Error).message).to.contain(
        `TCP connection 127.0.0.1:${server.port} -> 127.0.0.1:${localPort}`,
      );
    } finally {
      client.destroy();
    }
    expect(await server.ask('ping')).to.equal('PONG');
  });
});

/** A port that nobody listens to. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
