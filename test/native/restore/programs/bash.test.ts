import { expect } from 'chai';
import { dumpProcess } from '../../../../src/dump/process/dump.js';
import { loopSource } from '../../../support/chain.js';
import { errorOf } from '../../../support/errors.js';
import { Program } from '../../../support/programs.js';
import { dumpAndRestore, ImagesDirectory } from '../../../support/restored.js';
import { Terminal } from '../../../support/terminal.js';

/** Values of `steps.sh` up to a step. */
function valuesOf(nrSteps: number): number[] {
  const values: number[] = [];
  let value = 1n;
  for (let i = 0; i < nrSteps; i++) {
    value = (value * 1103515245n + 12345n) % 2147483648n;
    values.push(Number(value));
  }
  return values;
}

/** A shell that is typed to. */
const shellCommand = ['env', 'PS1=prompt> ', 'bash', '--norc', '--noediting', '-i'];

async function pidOf(shell: Terminal): Promise<number> {
  const [, pid] = await shell.ask('echo pid $$\n', /pid (\d+)/);
  await shell.until(/prompt> /);
  return Number(pid);
}

/** A pipeline in the foreground, which says what it is told. A stop flushes what it has not read. */
async function stopPipeline(shell: Terminal): Promise<void> {
  shell.type('sed -u "s/^/told /" | cat\n');
  await shell.ask('one\n', /told one/);
  await shell.ask('\u001a', /Stopped\s+sed .*prompt> /s);
}

/** The pipeline, and a job in the background. */
async function endJobs(shell: Terminal): Promise<void> {
  await shell.ask('kill %2; wait %2; echo status $?\n', /status 143/);
  await shell.ask('fg %1\n', /sed .*cat/);
  await shell.ask('two\n', /told two/);
  await shell.ask('\u0004', /prompt> /);
}

describe('restore of a bash', function () {
  this.timeout(240_000);

  it('goes on with a script in the middle of a loop, and runs a pipeline in the background', async () => {
    using images = new ImagesDirectory();
    using program = await Program.startCommand('bash', loopSource('steps.sh'));
    const [before = ''] = (await program.ask('')).split(' ');
    using restored = await dumpAndRestore(program, images.path);
    const [count = '', value] = (await restored.ask('end', 60_000)).split(' ');
    expect(Number(count)).to.be.above(Number(before));
    const values = valuesOf(Number(count));
    expect(value).to.equal(String(values.at(-1)));
    const largest = values.slice(-500).reduce((one, other) => Math.max(one, other));
    expect(await restored.line(60_000)).to.equal(String(largest));
    expect(await restored.exit).to.deep.equal({ code: 7, signal: null });
  });

  it('keeps what an interactive shell knows, and its job control', async () => {
    using images = new ImagesDirectory();
    using shell = new Terminal(...shellCommand);
    const pid = await pidOf(shell);
    shell.type('x=5; twice() { echo "twice $((x * 2)) $1"; }; cd /usr; set -- a b c\n');
    shell.type('trap "echo trapped" USR1; true & wait; sleep 0 | false; echo set $?\n');
    await shell.until(/set 1\r?\n.*prompt> /);
    await dumpProcess({ pid, images: images.path, isShellJob: true });
    expect(await shell.exit).to.deep.equal({ code: 109, signal: null });
    using restored = Terminal.tracker('restore', '--shell-job', images.path);
    await restored.ask('twice $#; echo $PWD $$\n', new RegExp(`twice 10 3\\s+/usr ${pid}`));
    await restored.ask('kill -USR1 $$\n', /trapped/);
    await restored.ask('seq 5 | tac | tr "\\n" ,; echo\n', /5,4,3,2,1,/);
    await stopPipeline(restored);
    await restored.ask('sleep 1000 & jobs\n', /Stopped.*sed .*Running\s+sleep 1000/s);
    await endJobs(restored);
    restored.type('exit 9\n');
    expect(await restored.exit).to.deep.equal({ code: 9, signal: null });
  });

  it('is refused with jobs, by the pids of these, which go on', async () => {
    using images = new ImagesDirectory();
    using shell = new Terminal(...shellCommand);
    const pid = await pidOf(shell);
    await stopPipeline(shell);
    const [, job] = await shell.ask('jobs -p; sleep 1000 & echo job $!\n', /job (\d+)/);
    const refusal = await errorOf(dumpProcess({ pid, images: images.path, isShellJob: true }));
    expect(refusal.code).to.equal('NOT_DUMPABLE');
    const children = /children of pid (\d+): ([\d, ]+)$/.exec(refusal.message);
    expect(children?.[1]).to.equal(String(pid));
    expect(children?.[2]?.split(', ')).to.have.length(3).that.includes(job);
    await endJobs(shell);
    shell.type('exit 9\n');
    expect(await shell.exit).to.deep.equal({ code: 9, signal: null });
  });
});
