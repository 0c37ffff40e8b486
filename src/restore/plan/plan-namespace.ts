import { mount, prctl } from './constants.js';
import type { RestoreInput } from './input.js';
import { call, type Step } from './step.js';

const init = { thread: 1 };

/**
 * What the init of a new pid namespace does before it makes the process: a `/proc` that shows the
 * namespace, in mounts of its own, which still follow those of the one who restores.
 */
export function planNamespace({ process, isInNamespace }: RestoreInput): Step[] {
  if (!isInNamespace) return [];
  const { pid } = process.identity;
  const noFlags = mount.noSuid | mount.noDev | mount.noExec;
  return [
    mountStep('none', '/', '', mount.recursive | mount.slave),
    mountStep('proc', '/proc', 'proc', noFlags),
    { op: 'fork', pid },
    call('chdir', [{ text: '/' }], 'the init holds no directory', init),
    call('prctl', [prctl.setName, { text: 'tracker-init' }, 0, 0, 0], 'name of the init', init),
  ];
}

function mountStep(source: string, target: string, type: string, flags: number): Step {
  const args = [{ text: source }, { text: target }, { text: type }, flags, 0];
  return call('mount', args, `${target} of the namespace`, init);
}
