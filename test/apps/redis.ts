import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { childrenOf } from '../../src/proc/family.js';
import { waitFor } from '../support/wait-for.js';
import { RedisConnection } from './redis-connection.js';

const bgsaveBoundMs = 120_000;

/** A redis-server of the test's own. */
export class Redis implements AsyncDisposable {
  private constructor(
    readonly port: number,
    readonly connection: RedisConnection,
    readonly server: ChildProcess,
  ) {}

  /** @param dump name of the file that it loads, and that BGSAVE writes, below `directory` */
  static async start(port: number, directory: string, dump: string): Promise<Redis> {
    const options = { port, dir: directory, dbfilename: dump, save: '', appendonly: 'no' };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const server = spawn('redis-server', [...words, '--enable-debug-command', 'local'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const chunk of server.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('Ready to accept connections')) break;
    server.stdout.resume();
    return new Redis(port, await RedisConnection.open(port), server);
  }

  get pid(): number {
    return this.server.pid ?? 0;
  }

  async digest(): Promise<string> {
    return this.connection.send('debug', 'digest');
  }

  /** Forks a child that writes the dump, and goes on. */
  async startSave(): Promise<void> {
    const reply = await this.connection.send('bgsave');
    if (!reply.startsWith('Background')) throw new Error(`bgsave: ${reply}`);
  }

  /** Waits until no child writes a dump. */
  async endSave(): Promise<void> {
    await waitFor(
      'the end of BGSAVE',
      async () => (await this.#info('rdb_bgsave_in_progress')) === '0',
      bgsaveBoundMs,
    );
    const status = await this.#info('rdb_last_bgsave_status');
    if (status !== 'ok') throw new Error(`the last BGSAVE: ${status}`);
  }

  /** How long a child, from the next one on, pauses after each key that it has written. */
  async slowSave(microseconds: number): Promise<void> {
    const words = ['config', 'set', 'rdb-key-save-delay', `${microseconds}`];
    const reply = await this.connection.send(...words);
    if (reply !== 'OK') throw new Error(`config set: ${reply}`);
  }

  /** The child that writes a dump, or undefined. */
  get saving(): number | undefined {
    return childrenOf(this.pid)[0];
  }

  /** Ends the child that writes a dump, as Redis does when nobody wants it any more. */
  async dropSave(): Promise<void> {
    if (this.saving !== undefined) process.kill(this.saving, 'SIGUSR1');
    await this.endSave();
  }

  async #info(name: string): Promise<string> {
    const info = await this.connection.send('info', 'persistence');
    return new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1] ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.connection[Symbol.dispose]();
    this.server.kill('SIGKILL');
    if (this.server.exitCode === null && this.server.signalCode === null)
      await once(this.server, 'exit');
  }
}
