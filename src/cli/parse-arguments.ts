import { readFileSync } from 'node:fs';
import path from 'node:path';
import yargs, { type Argv } from 'yargs';
import { packageRoot } from '../package-root.js';
import type { AnyCommand } from './command.js';
import { commandTable, type CommandEntry } from './command-table.js';
import { UsageError } from './usage-error.js';

/** What the command line asks for. */
export type Request =
  | { kind: 'help'; text: string }
  | { kind: 'command'; command: AnyCommand; options: object; isJson: boolean; isVerbose: boolean };

/**
 * Reads a command line, without the program's name. Only the modules of its command are loaded.
 * @throws UsageError
 */
export async function parseArguments(argv: readonly string[]): Promise<Request> {
  let request: Request | undefined;
  const parser = createParser(argv);
  for (const entry of commandTable) {
    addCommand(parser, entry, (chosen) => (request = chosen));
  }
  let help = '';
  try {
    await parser.parseAsync([...argv], {}, (_error, _options, output) => {
      help = output;
    });
  } catch (error) {
    throw toUsageError(error, argv);
  }
  return request ?? { kind: 'help', text: help };
}

function createParser(argv: readonly string[]): Argv {
  return yargs([])
    .scriptName('tracker')
    .usage('$0 COMMAND: follow which pages a running process writes')
    .locale('en')
    .parserConfiguration({
      'boolean-negation': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
    })
    .option('json', { type: 'boolean', describe: 'Print one JSON document' })
    .option('verbose', { type: 'boolean', describe: 'Tell everything about an error' })
    .version(argv.includes('--version') ? readVersion() : '')
    .demandCommand(1, 'which command?')
    .strict()
    .exitProcess(false)
    .fail((message: string, error?: Error) => {
      throw error ?? new UsageError(message);
    });
}

function addCommand(
  parser: Argv,
  { usage, describe, load }: CommandEntry,
  choose: (request: Request) => void,
): void {
  parser.command({
    command: usage,
    describe,
    builder: async (command: Argv) => (await load()).options(command),
    handler: async (options) => {
      const { json, verbose } = options as { json?: boolean; verbose?: boolean };
      choose({
        kind: 'command',
        command: await load(),
        options,
        isJson: json === true,
        isVerbose: verbose === true,
      });
    },
  });
}

/** Everything that yargs finds wrong; what else is thrown here is a bug of ours. */
function toUsageError(error: unknown, argv: readonly string[]): unknown {
  const isUsage = error instanceof Error && ['UsageError', 'YError'].includes(error.name);
  if (!isUsage) return error;
  const words = argv.filter((word) => !word.startsWith('-'));
  const entry = commandTable.find(({ usage }) => usage.split(' ')[0] === words[0]);
  const [word] = words;
  if (!entry && word !== undefined) {
    return new UsageError(`unknown command: ${word}`, 'tracker --help lists the commands');
  }
  const name = entry ? `tracker ${words[0] ?? ''}` : 'tracker';
  return new UsageError(rephrase(error.message, entry), `${name} --help tells what it takes`);
}

/** The same in the words of this program. */
function rephrase(message: string, entry: CommandEntry | undefined): string {
  const missing = /^Missing required arguments?: (.*)$/.exec(message)?.[1];
  if (missing !== undefined) return `missing ${missing.replace(/\w[\w-]*/g, '--$&')}`;
  if (message.startsWith('Not enough non-option arguments')) {
    const wanted = entry?.usage.match(/<\w+>/g)?.join(' ') ?? '';
    return `not enough arguments: wanted ${wanted.replace(/[<>]/g, '').toUpperCase()}`;
  }
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(', ');
  if (unknown) return `unknown: ${dropCamelCase(unknown).join(', ')}`;
  const valueless = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (valueless !== undefined) return `--${valueless} needs a value`;
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Of `no-verify` and `noVerify`, which yargs makes of it, only the former was written. */
function dropCamelCase(names: readonly string[]): string[] {
  const made = names.map((name) =>
    name.replace(/-+(\w)/g, (_, letter: string) => letter.toUpperCase()),
  );
  return names.filter((name, i) => !made.some((other, j) => i !== j && other === name));
}

function readVersion(): string {
  const text = readFileSync(path.join(packageRoot(), 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
