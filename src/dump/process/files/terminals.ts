import { native } from '../../../native.js';
import { readStat } from '../../../proc/stat.js';
import type { OuterTerminal } from '../../../process/terminal-record.js';
import type { FileContext, FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { isTerminal, ownTerminalOf } from './ptys.js';

/** /dev/tty, which is the controlling terminal, whichever that is. */
const controlling = 0x500;

/** `/dev/tty`, opened anew. */
export const controllingTerminals: FileHandler = {
  matches: ({ stat }) => stat.isCharacterDevice() && stat.rdev === controlling,
  refusal: ({ link, pid }, context) =>
    (context.isShellJob === true && !context.tree) || ownTerminalOf(pid, context) !== undefined
      ? undefined
      : outside(link, context),
  collect: ({ link }) => ({ kind: 'terminal', path: link }),
};

/** Terminals that somebody else has made: of a job of a shell, that on which it runs. */
export const terminals: FileHandler = {
  matches: isTerminal,
  isOutside: true,
  refusal: ({ link, stat, pid }, context) => {
    if (!context.isShellJob || context.tree) return outside(link, context);
    if (stat.rdev === readStat(pid).terminal) return undefined;
    return `terminal ${link}, which is not its controlling one: hand it in (--external)`;
  },
  collect: ({ link }) => ({ kind: 'terminal', path: link }),
};

/** The terminal of a shell that the process is a job of, which is that of whoever restores later. */
export function outerTerminalOf(context: FileContext): OuterTerminal | undefined {
  const found = context.descriptors.find((each) => isOuter(each, context));
  if (!context.isShellJob || !found) return undefined;
  const { pid, fd, link } = found;
  const { processGroup, foregroundGroup } = readStat(pid);
  const { settings } = native.terminalState(pid, fd);
  return { path: link, settings, isForeground: processGroup === foregroundGroup };
}

function isOuter(descriptor: OpenDescriptor, context: FileContext): boolean {
  const { fd, pid, stat } = descriptor;
  const isOfJob = stat.rdev === readStat(pid).terminal || stat.rdev === controlling;
  return (
    isTerminal(descriptor) &&
    isOfJob &&
    !context.external.has(fd) &&
    ownTerminalOf(pid, context) === undefined
  );
}

/** A job of several processes cannot be given another terminal yet. */
function outside(link: string, { tree }: FileContext): string {
  const what = tree ? 'hand it in' : 'dump it with --shell-job, or hand it in';
  return `terminal ${link}, which it has from outside: ${what} (--external)`;
}
