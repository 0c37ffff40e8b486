import { TargetError } from '../../errors.js';
import type { SessionStatus } from '../../native.js';
import { readStat } from '../../proc/stat.js';
import { printable } from '../../report/printable.js';
import { type Column, formatTable } from '../../report/table.js';
import { formatBytes, formatPages } from '../../report/units.js';
import { defineCommand } from '../command.js';
import { parsePid } from '../option-values.js';

type NamedStatus = Omit<SessionStatus, 'after'> & { comm: string };

/** `tracker status [PID]` */
export const status = defineCommand({
  options: (yargs) =>
    yargs.positional('pid', {
      type: 'string',
      describe: 'The process; all without it',
      coerce: parsePid,
    }),

  async run({ pid }, { output, services }) {
    using device = await services.device();
    const found = pid === undefined ? device.sessions() : [device.status(pid) ?? notTracked(pid)];
    const sessions = found.map(addName);
    output.print(
      sessions.length === 0 ? 'no process is tracked' : formatTable(sessionColumns, sessions),
    );
    return { document: { sessions } };
  },
});

const sessionColumns: readonly Column<NamedStatus>[] = [
  { title: 'pid', value: ({ pid }) => `${pid}` },
  { title: 'name', value: ({ comm }) => printable(comm), isLeft: true },
  { title: 'controller', value: ({ holder }) => (holder === 0 ? '-' : `${holder}`) },
  { title: 'epoch', value: ({ epoch }) => `${epoch}` },
  { title: 'committed', value: ({ committed }) => `${committed}` },
  { title: 'regions', value: ({ nrRegions }) => `${nrRegions}` },
  { title: 'dirty', value: ({ nrDirty, overflow }) => (overflow ? 'all' : `${nrDirty}`) },
  { title: 'pending', value: ({ nrPending }) => `${nrPending}` },
  { title: 'memory', value: ({ backingPages }) => formatPages(backingPages) },
  { title: 'log', value: ({ logBytes }) => formatBytes(logBytes) },
];

function addName({ after: _cursor, ...session }: SessionStatus): NamedStatus {
  return { ...session, comm: nameOf(session.pid) };
}

/** The session may be of another pid namespace, or its target may just have exited. */
function nameOf(pid: number): string {
  try {
    return readStat(pid).comm;
  } catch {
    return '';
  }
}

function notTracked(pid: number): never {
  throw new TargetError(
    'NOT_TRACKED',
    `pid ${pid} is not tracked; begin with tracker start ${pid} --images DIR`,
    { facts: { pid } },
  );
}
