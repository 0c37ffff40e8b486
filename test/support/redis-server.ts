import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { waitFor } from './wait-for.js';

/** Whether this machine has the server and its client. */
export function hasRedis(): boolean {
  return ['redis-server', 'redis-cli'].every(
    (program) => spawnSync(program, ['--version']).error === undefined,
  );
}

/** A Redis that is asked by the command line, so that nothing stays connected. */
export class RedisServer implements Disposable {
  readonly #nrSockets: number;

  private constructor(
    readonly pid: number,
    readonly port: number,
  ) {
    this.#nrSockets = socketsOf(pid);
  }

  static async start(port: number, directory: string): Promise<RedisServer> {
    const options = { port, dir: directory, save: '', appendonly: 'no', bind: '127.0.0.1 ::1' };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
    const server = spawn('redis-server', [...words, '--enable-debug-command', 'local'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const chunk of server.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('Ready to accept connections')) break;
    server.stdout.resume();
    return new RedisServer(server.pid ?? 0, port);
  }

  /** Waits until it answers, after a restore. */
  async answering(): Promise<void> {
    const words = ['-p', String(this.port), 'ping'];
    await waitFor(
      'an answer of Redis',
      () => spawnSync('redis-cli', words, { encoding: 'utf8' }).stdout.trim() === 'PONG',
      60_000,
    );
  }

  /** An answer, when the server has closed the connection again. */
  async ask(...words: string[]): Promise<string> {
    const options = { encoding: 'utf8', timeout: 60_000 } as const;
    const answer = execFileSync('redis-cli', ['-p', String(this.port), ...words], options).trim();
    await waitFor('the end of the connection', () => socketsOf(this.pid) === this.#nrSockets);
    return answer;
  }

  [Symbol.dispose](): void {
    try {
      process.kill(this.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

/** Without the standard streams, which another one hands in after a restore. */
function socketsOf(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  return readdirSync(directory).filter((fd) => Number(fd) > 2 && isSocket(`${directory}/${fd}`))
    .length;
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    return false;
  }
}
