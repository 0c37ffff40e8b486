import { expect } from 'chai';
import type {
  InetSocketFile,
  OpenFileRecord,
  UnixSocketFile,
} from '../../../src/process/file-record.js';
import { planRestore } from '../../../src/restore/plan/plan-restore.js';
import type { CallStep, Step } from '../../../src/restore/plan/step.js';
import { processRecord, restoreInput } from './fixtures.js';

const unixName = (name: string) => new Uint8Array(Buffer.from(`\x01\0${name}\0`, 'latin1'));
const nonBlocking = 0o4000;

function inetSocket(fields: Partial<InetSocketFile> = {}): InetSocketFile {
  return {
    ...({ id: 0, kind: 'inet-socket', flags: 2 | nonBlocking, domain: 2, type: 1 } as const),
    ...{ protocol: 6, isListening: true, backlog: 9, options: [] },
    local: new Uint8Array(Buffer.from('020018eb7f0000010000000000000000', 'hex')),
    ...fields,
  };
}

function unixSocket(fields: Partial<UnixSocketFile> = {}): UnixSocketFile {
  return {
    ...({ id: 0, kind: 'unix-socket', flags: 2, type: 1, protocol: 0, options: [] } as const),
    ...{ isListening: false, backlog: 0, socket: 70, peer: null, shutdown: 0, messages: [] },
    local: Uint8Array.of(1, 0),
    ...fields,
  };
}

/** Steps for open files that have descriptors 3, 4 and so on, from the first that is about sockets. */
function stepsFor(...open: OpenFileRecord[]): Step[] {
  const descriptors = open.map(({ id }, i) => ({ fd: 3 + i, file: id, closeOnExec: false }));
  const files = { open, descriptors };
  return planRestore(restoreInput({ process: processRecord({ files }) }));
}

function callsOf(steps: readonly Step[], ...names: string[]): CallStep[] {
  return steps.filter((step): step is CallStep => step.op === 'call' && names.includes(step.call));
}

function textsOf(calls: readonly CallStep[]): string[] {
  return calls.map(({ args }) => {
    const [, content] = args;
    const isBytes = typeof content === 'object' && 'bytes' in content;
    return isBytes ? Buffer.from(content.bytes).toString() : '';
  });
}

describe('planRestore, internet sockets', () => {
  it('sets options before the address, and listens after it', () => {
    const options = [{ level: 1, name: 2, value: Uint8Array.of(1, 0, 0, 0) }];
    const names = callsOf(
      stepsFor(inetSocket({ options })),
      ...['socket', 'setsockopt', 'bind', 'listen'],
    );
    expect(names.map((step) => step.call)).to.deep.equal([
      ...['socket', 'setsockopt', 'bind', 'listen'],
    ]);
    expect(names[3]?.args[1]).to.equal(9);
  });

  it('says which address may be taken', () => {
    const steps = callsOf(stepsFor(inetSocket()), 'bind', 'listen');
    expect(steps.map(({ taken }) => taken)).to.deep.equal(
      Array(2).fill('the address 127.0.0.1:6379'),
    );
  });

  it('does not bind one that has no address', () => {
    const local = new Uint8Array(16);
    local[0] = 2;
    const steps = stepsFor(inetSocket({ local, isListening: false }));
    expect(callsOf(steps, 'bind', 'listen')).to.deep.equal([]);
    expect(callsOf(steps, 'socket')).to.have.length(1);
  });

  it('asks for half of a buffer, which the kernel doubles, beyond its upper limit', () => {
    const value = Uint8Array.of(0x40, 0x0d, 0x03, 0);
    const options = [7, 8].map((name) => ({ level: 1, name, value }));
    const steps = callsOf(stepsFor(inetSocket({ options })), 'setsockopt');
    expect(steps.map(({ args }) => args[2])).to.deep.equal([32, 33]);
    expect(steps[0]?.args[3]).to.deep.equal({ bytes: Uint8Array.of(0xa0, 0x86, 0x01, 0) });
    expect(value[0]).to.equal(0x40);
  });

  it('keeps flags that can be set', () => {
    const flags = callsOf(stepsFor(inetSocket()), 'fcntl').filter(({ args }) => args[1] === 4);
    expect(flags.map(({ args }) => args[2])).to.deep.equal([nonBlocking]);
  });
});

describe('planRestore, unix sockets', () => {
  const message = (text: string) => ({ content: new Uint8Array(Buffer.from(text)) });

  it('makes a pair once, and sends what each has received from the other', () => {
    const steps = stepsFor(
      unixSocket({ id: 0, socket: 70, peer: 71, messages: [message('a'), message('b')] }),
      unixSocket({ id: 1, socket: 71, peer: 70, messages: [message('c')] }),
    );
    expect(callsOf(steps, 'socketpair')).to.have.length(1);
    const sends = callsOf(steps, 'sendto');
    expect(textsOf(sends)).to.deep.equal(['a', 'b', 'c']);
    expect(sends.map(({ args }) => args[0])).to.deep.equal([
      { slot: 'unix socket 71' },
      { slot: 'unix socket 71' },
      { slot: 'unix socket 70' },
    ]);
  });

  it('closes the other end of one whose peer has gone, with what it had sent', () => {
    const steps = stepsFor(unixSocket({ peer: 0, messages: [message('last')] }));
    const [send] = callsOf(steps, 'sendto');
    const far = send?.args[0];
    expect(far).to.have.property('slot').that.contains('closed end');
    const closes = callsOf(steps, 'close').map(({ args }) => args[0]);
    expect(closes).to.deep.include(far);
    expect(callsOf(steps, 'shutdown')).to.deep.equal([]);
  });

  it('shuts a pair down once, from the end that comes first', () => {
    const steps = stepsFor(
      unixSocket({ id: 0, socket: 70, peer: 71, shutdown: 2 }),
      unixSocket({ id: 1, socket: 71, peer: 70, shutdown: 1 }),
    );
    const shutdowns = callsOf(steps, 'shutdown').map(({ args }) => args);
    expect(shutdowns).to.deep.equal([[{ slot: 'unix socket 70' }, 1]]);
  });

  it('frees the name in the file system before it binds, and gives it away afterwards', () => {
    const nameFile = { path: '/run/x', inode: 5, mode: 0o640, uid: 3, gid: 4 };
    const steps = stepsFor(
      unixSocket({ local: unixName('/run/x'), isListening: true, backlog: 2, nameFile }),
    );
    const free = steps.findIndex(({ op }) => op === 'free-name');
    expect(steps[free]).to.deep.equal({ op: 'free-name', path: '/run/x', inode: 5 });
    const after = callsOf(steps.slice(free), 'bind', 'listen', 'chown', 'chmod');
    expect(after.map((step) => step.call)).to.deep.equal(['bind', 'listen', 'chown', 'chmod']);
    expect(after[0]?.taken).to.equal('the address /run/x');
  });

  it('sends what a bound one has received from a socket without a name', () => {
    const steps = stepsFor(
      unixSocket({ type: 2, local: unixName('\0x'), messages: [message('hi')] }),
    );
    expect(callsOf(steps, 'socket')).to.have.length(2);
    const [send] = callsOf(steps, 'sendto');
    expect(send?.args[0]).to.have.property('slot').that.contains('sender');
    expect(send?.args[4]).to.deep.equal({ bytes: unixName('\0x') });
    expect(steps.some(({ op }) => op === 'free-name')).to.equal(false);
  });
});
