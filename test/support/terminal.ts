import { type ChildProcess, spawn } from 'node:child_process';
import { packageRoot } from '../../src/package-root.js';
import { compileProgram, type Exit, exitOf } from './programs.js';
import { within } from './wait-for.js';

const boundMs = 60_000;

/** A command on a terminal of its own, by `restore/relay.c`: somebody who types and looks at it. */
export class Terminal implements Disposable {
  readonly exit: Promise<Exit>;
  readonly #child: ChildProcess;
  /** what it has shown since it was last looked for something */
  #shown = '';
  #onShown = () => undefined as unknown;

  constructor(...command: string[]) {
    const environment = { ...process.env, TERM: 'xterm', LC_ALL: 'C.UTF-8' };
    this.#child = spawn(compileProgram('restore/relay'), command, {
      cwd: packageRoot(),
      env: environment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.exit = exitOf(this.#child);
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#shown += chunk.toString('latin1');
      this.#onShown();
    });
  }

  /** Runs `tracker` there. */
  static tracker(...args: string[]): Terminal {
    return new Terminal(process.execPath, '--import=tsx', 'src/cli/main.ts', ...args);
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Waits until something is shown, behind what was found before. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      this.#onShown = () => {
        const match = pattern.exec(this.#shown);
        if (!match) return;
        this.#shown = this.#shown.slice(match.index + match[0].length);
        this.#onShown = () => undefined;
        resolve(match);
      };
      this.#onShown();
    });
    try {
      return await within(`${pattern.source} on the terminal`, found, boundMs);
    } catch (error) {
      throw new Error(`${(error as Error).message}; there was ${JSON.stringify(this.#shown)}`);
    }
  }

  /** Types something, and waits until something is shown. */
  async ask(keys: string, pattern: RegExp): Promise<RegExpExecArray> {
    this.type(keys);
    return this.until(pattern);
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL');
  }
}
