import { TargetError } from '../../errors.js';
import type { SessionStatus } from '../../native.js';
import { readStat } from '../../proc/stat.js';
import {
  memberStatusColumns,
  type NamedSession,
  sessionColumns,
} from '../../report/session-tables.js';
import { formatTable } from '../../report/table.js';
import { formatCount } from '../../report/units.js';
import type { MemberStatus } from '../../tree/tree-status.js';
import { type Context, defineCommand, type Outcome } from '../command.js';
import { parsePath, parsePid } from '../option-values.js';
import { UsageError } from '../usage-error.js';

/** `tracker status [PID | --images DIR]` */
export const status = defineCommand({
  options: (yargs) =>
    yargs
      .positional('pid', {
        type: 'string',
        describe: 'The process; all without it',
        coerce: parsePid,
      })
      .option('images', {
        type: 'string',
        requiresArg: true,
        describe: 'The processes of these images, and what has become of them',
        coerce: parsePath('--images'),
      })
      .check(({ pid, images }) => {
        if (pid !== undefined && images !== undefined)
          throw new UsageError('a pid or --images, not both');
        return true;
      }),

  async run({ pid, images }, context) {
    if (images !== undefined) return showTree(images, context);
    using device = await context.services.device();
    const found = pid === undefined ? device.sessions() : [device.status(pid) ?? notTracked(pid)];
    const sessions = found.map(addName);
    context.output.print(
      sessions.length === 0 ? 'no process is tracked' : formatTable(sessionColumns, sessions),
    );
    return { document: { sessions } };
  },
});

async function showTree(images: string, { output, services }: Context): Promise<Outcome> {
  using device = await services.device();
  const tree = await services.treeStatus(images, device);
  const { members, nrRounds } = tree;
  const count = (...states: MemberStatus['state'][]) =>
    members.filter(({ state }) => states.includes(state)).length;
  output.print(
    `${tree.images}: ${formatCount(nrRounds, 'round')}, ${count('tracked')} tracked, ` +
      `${count('new')} new, ${count('ended', 'untracked')} gone`,
  );
  if (members.length > 0) output.print(formatTable(memberStatusColumns, members));
  return { document: tree };
}

function addName({ after: _cursor, ...session }: SessionStatus): NamedSession {
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
