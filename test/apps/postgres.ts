import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { waitFor } from '../support/wait-for.js';

/** Where Debian puts the programs of the one version that is installed. */
function programsPath(): string {
  const base = '/usr/lib/postgresql';
  const [version = ''] = readdirSync(base);
  return path.join(base, version, 'bin');
}

const programs = programsPath();
/** The server refuses to run as root. */
const asPostgres = ['--reuid=postgres', '--regid=postgres', '--clear-groups'];

/** A PostgreSQL cluster of its own below /tmp, on a Unix socket. */
export class Postgres implements AsyncDisposable {
  readonly #directory: string;
  #server: ChildProcess | undefined;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(): Promise<Postgres> {
    const directory = mkdtempSync('/tmp/postgres-');
    const { uid, gid } = idsOf('postgres');
    chownSync(directory, uid, gid);
    const postgres = new Postgres(directory);
    const words = ['-D', postgres.#data, '-A', 'trust', '--locale=C', '--no-sync'];
    execFileSync('setpriv', [...asPostgres, path.join(programs, 'initdb'), ...words]);
    await postgres.#startServer();
    return postgres;
  }

  /** Of the process whose children do the work. */
  get pid(): number {
    return this.#server?.pid ?? 0;
  }

  get log(): string {
    return readFileSync(path.join(this.#data, 'server.log'), 'utf8');
  }

  get #data(): string {
    return path.join(this.#directory, 'data');
  }

  get #connection(): string[] {
    return ['-h', this.#directory, '-U', 'postgres'];
  }

  /** What the statement returns: rows of columns separated by `|`. */
  query(statement: string): string {
    const words = [...this.#connection, '-v', 'ON_ERROR_STOP=1', '-Atc', statement, 'postgres'];
    return execFileSync(path.join(programs, 'psql'), words, { encoding: 'utf8' }).trim();
  }

  /** Runs pgbench to its end. */
  bench(...words: string[]): void {
    execFileSync(path.join(programs, 'pgbench'), [...this.#connection, ...words, 'postgres'], {
      stdio: 'pipe',
    });
  }

  /** Runs pgbench beside the test. */
  startBench(...words: string[]): Bench {
    const argv = [...this.#connection, ...words, 'postgres'];
    return new Bench(spawn(path.join(programs, 'pgbench'), argv, { stdio: 'pipe' }));
  }

  async restart(): Promise<void> {
    await this.#stopServer();
    await this.#startServer();
  }

  async #startServer(): Promise<void> {
    const log = path.join(this.#data, 'server.log');
    const settings = ['shared_buffers=8MB', 'max_connections=20', 'listen_addresses='];
    const words = ['-D', this.#data, '-k', this.#directory, ...settings.flatMap((s) => ['-c', s])];
    const command = 'exec "$@" >>"$0" 2>&1';
    const argv = [...asPostgres, 'sh', '-c', command, log, path.join(programs, 'postgres')];
    this.#server = spawn('setpriv', [...argv, ...words], { stdio: 'ignore' });
    const socket = path.join(programs, 'pg_isready');
    await waitFor('the server', () => isSuccess(socket, ['-q', ...this.#connection]), 120_000);
  }

  async #stopServer(): Promise<void> {
    const server = this.#server;
    if (server?.exitCode !== null) return;
    // SIGINT: ends connections, and writes all to disk.
    server.kill('SIGINT');
    await once(server, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stopServer();
  }
}

/** A pgbench that runs. */
export class Bench {
  readonly #child: ChildProcess;
  readonly #end: Promise<{ code: number | null; output: string }>;

  constructor(child: ChildProcess) {
    this.#child = child;
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    this.#end = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
  }

  /** The clients ask for nothing more until they are told to go on. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child.kill('SIGCONT');
  }

  /** Has the clients close their connections, in the middle of what they are at. */
  async stop(): Promise<{ output: string }> {
    this.#child.kill('SIGTERM');
    return this.#end;
  }

  /** Waits for its end. */
  async end(): Promise<{ code: number | null; output: string }> {
    return this.#end;
  }
}

function idsOf(user: string): { uid: number; gid: number } {
  const [uid, gid] = ['-u', '-g'].map((option) =>
    Number(execFileSync('id', [option, user], { encoding: 'utf8' })),
  );
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

function isSuccess(program: string, argv: string[]): boolean {
  try {
    execFileSync(program, argv, { stdio: 'pipe' });
    return true;
  } catch {
    return false;
  }
}
