import { open, prctl } from './constants.js';
import type { RestoreInput } from './input.js';
import { call, type Step } from './step.js';

/** Session and process group, where they are the process' own; else they are those of its starter. */
export function planGroups({ process, terminal }: RestoreInput): Step[] {
  const { pid, session, processGroup } = process.identity;
  // A job is one of our shell, whose session has the terminal.
  const isJob = process.files.outerTerminal !== undefined && terminal !== undefined;
  if (session === pid && !isJob) return [call('setsid', [], 'a session of its own')];
  if (processGroup === pid) return [call('setpgid', [0, 0], 'a process group of its own')];
  return [];
}

const limitDescriptors = 7;

/** As many descriptors as the process may have had: its own limits come when all is open. */
export function planDescriptorLimit({ process }: RestoreInput): Step[] {
  const hard = process.identity.limits[limitDescriptors * 2 + 1];
  if (hard === undefined) return [];
  return [call('prlimit64', [0, limitDescriptors, { words: [hard, hard] }, 0], 'descriptors')];
}

/** What needs rights that the process may not have. */
export function planLimits({ process }: RestoreInput): Step[] {
  const { limits, oomScoreAdj } = process.identity;
  const steps: Step[] = [];
  for (let resource = 0; resource * 2 + 1 < limits.length; resource++) {
    const words = limits.slice(resource * 2, resource * 2 + 2);
    steps.push(call('prlimit64', [0, resource, { words }, 0], `limit ${resource}`));
  }
  return [...writeSteps('/proc/self/oom_score_adj', `${oomScoreAdj}`), ...steps];
}

/** What is relative to nothing else, and harmless before the end. */
export function planSurroundings({ process }: RestoreInput): Step[] {
  const { cwd, root, umask, personality, isSubreaper } = process.identity;
  const steps: Step[] = [call('chdir', [{ text: cwd }], cwd), call('umask', [umask], 'umask')];
  if (root !== '/') steps.push(call('chroot', [{ text: root }], root));
  if (personality !== 0) steps.push(call('personality', [personality], 'personality'));
  if (isSubreaper)
    steps.push(call('prctl', [prctl.setChildSubreaper, 1, 0, 0, 0], 'PR_SET_CHILD_SUBREAPER'));
  return steps;
}

/** A change of credentials resets it: after those. */
export function planDumpable({ process }: RestoreInput): Step[] {
  const { dumpable } = process.identity;
  // 2 cannot be set; it is what a program that cannot be read by its user gets by itself.
  const value = dumpable === 1 ? 1 : 0;
  return [call('prctl', [prctl.setDumpable, value, 0, 0, 0], 'PR_SET_DUMPABLE')];
}

function writeSteps(path: string, text: string): Step[] {
  const file = { slot: path };
  return [
    call('open', [{ text: path }, open.writeOnly | open.closeOnExec], path, { result: path }),
    call('write', [file, { text }, text.length], path, { expect: text.length }),
    call('close', [file], path),
  ];
}
