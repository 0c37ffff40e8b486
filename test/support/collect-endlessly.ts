import { collectProcess } from '../../src/dump/process/collect-process.js';
import { ObservedWaits } from '../../src/dump/process/observe-waits.js';
import { Frozen } from '../../src/proc/freeze.js';
import { readSmaps } from '../../src/proc/smaps.js';

/* collect-endlessly PID FD...: asks a process for all that it is, again and again, until it is killed. */
const [pid = 0, ...fds] = process.argv.slice(2).map(Number);
const external = new Set(fds);
process.stdout.write('ready\n');
for (;;) {
  const waits = new ObservedWaits(pid);
  using frozen = new Frozen(pid);
  waits.settle();
  collectProcess(frozen, await readSmaps(pid), { external, isShellJob: false, waits });
  frozen.thaw();
}
