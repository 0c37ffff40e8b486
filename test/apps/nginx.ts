import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { childrenOf } from '../../src/proc/family.js';
import { compileProgram } from '../support/programs.js';
import { waitFor } from '../support/wait-for.js';

const nrFiles = 8;
const startBoundMs = 60_000;

/** What its master is started with, besides `-p` and `-c`. */
interface Ports {
  /** where clients come */
  front: number;
  /** where the server asks itself */
  behind: number;
}

/** A server with workers of its own: a master that forks, and `nrWorkers` that answer. */
export class Nginx implements AsyncDisposable {
  readonly #directory: string;
  readonly #master: ChildProcess;

  private constructor(
    directory: string,
    readonly nrWorkers: number,
    readonly ports: Ports,
  ) {
    this.#directory = directory;
    this.#master = spawn('nginx', this.#words, { stdio: 'inherit' });
  }

  static async start(nrWorkers: number, ports: Ports): Promise<Nginx> {
    const directory = mkdtempSync('/tmp/nginx-');
    mkdirSync(path.join(directory, 'file'));
    const program = compileProgram('http_load');
    for (let number = 0; number < nrFiles; number++)
      writeFileSync(
        path.join(directory, `file/${number}`),
        execFileSync(program, ['file', `${number}`]),
      );
    execFileSync('chmod', ['-R', 'a+rX', directory]);
    const configuration = configure(directory, nrWorkers, ports);
    writeFileSync(path.join(directory, 'nginx.conf'), configuration);
    const nginx = new Nginx(directory, nrWorkers, ports);
    await waitFor('the workers', () => nginx.workers.length === nrWorkers, startBoundMs);
    return nginx;
  }

  /** The master. */
  get pid(): number {
    return this.#master.pid ?? 0;
  }

  get workers(): number[] {
    return childrenOf(this.pid);
  }

  /** What its log says above notices. */
  get complaints(): string[] {
    const log = readFileSync(path.join(this.#directory, 'error.log'), 'utf8');
    return log.split('\n').filter((line) => /\[(alert|crit|emerg|error)\]/.test(line));
  }

  /** Has the master fork new workers, and the old ones end when their connections do. */
  reload(): void {
    execFileSync('nginx', [...this.#words, '-s', 'reload']);
  }

  /** Requests that all workers together have counted, in memory that they share; this one too. */
  async nrRequests(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.ports.front}/status`);
    const [, nr] = /^ \d+ \d+ (\d+) $/m.exec(await answer.text()) ?? [];
    return Number(nr);
  }

  get #words(): string[] {
    return ['-p', this.#directory, '-c', 'nginx.conf', '-e', 'error.log'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#master.exitCode !== null || this.#master.signalCode !== null) return;
    this.#master.kill('SIGTERM');
    await once(this.#master, 'exit');
  }
}

/** The counters of requests and of the limit are in memory that all workers write. */
function configure(directory: string, nrWorkers: number, { front, behind }: Ports): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    daemon off;
    user www-data;
    worker_processes ${nrWorkers};
    error_log error.log notice;
    pid nginx.pid;
    events { worker_connections 128; }
    http {
      access_log off;
      sendfile off;
      open_file_cache max=100;
      ${temporary.map((name) => `${name}_temp_path ${name};`).join(' ')}
      limit_req_zone $binary_remote_addr zone=clients:1m rate=100000r/s;
      server {
        listen 127.0.0.1:${front} reuseport;
        root ${directory};
        location /echo { return 200 "$arg_text\\n"; }
        location /file/ { limit_req zone=clients burst=1000 nodelay; }
        location /behind/ { proxy_pass http://127.0.0.1:${behind}/file/; }
        location = /status { stub_status; }
      }
      server {
        listen 127.0.0.1:${behind} reuseport;
        root ${directory};
      }
    }`;
}
