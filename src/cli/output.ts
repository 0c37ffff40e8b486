import { ProgressLine, type Terminal } from '../report/progress-line.js';

/** Where a program writes to. */
export interface Streams {
  stdout: { write(text: string): unknown };
  stderr: Terminal;
}

/** Text for a person, or one JSON document for a program; never both on standard output. */
export class Output {
  readonly #streams: Streams;
  readonly isJson: boolean;
  readonly progress: ProgressLine;

  constructor(streams: Streams, isJson: boolean) {
    this.#streams = streams;
    this.isJson = isJson;
    this.progress = new ProgressLine(streams.stderr, { isOn: !isJson });
  }

  /** A line, or several, of a result. Nothing with `--json`. */
  print(text: string): void {
    if (!this.isJson) this.#write(text);
  }

  /** The result of the whole command. Nothing without `--json`. */
  async printDocument(document: unknown): Promise<void> {
    if (!this.isJson) return;
    const { formatJson } = await import('../report/json.js');
    this.#write(formatJson(document));
  }

  /** A line about the run: an error, an interruption. */
  warn(text: string): void {
    this.progress.erase();
    this.#streams.stderr.write(`${text}\n`);
  }

  #write(text: string): void {
    this.progress.erase();
    this.#streams.stdout.write(`${text}\n`);
  }
}
