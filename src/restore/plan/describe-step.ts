import { PAGE_SIZE } from '../../image/page.js';
import type { Step, Value, Word } from './step.js';

/** A step as JSON can hold it: bytes in hexadecimal, large numbers as text. */
export function describeStep(step: Step): object {
  return toPlain(step) as object;
}

/** A step in one line, for a person. */
export function formatStep(step: Step): string {
  switch (step.op) {
    case 'check-file':
      return `check ${step.file.path}, ${step.about}`;
    case 'check-path':
      return `check ${step.path}, ${step.about}`;
    case 'free-name':
      return `remove the socket ${step.path} if the process has left it`;
    case 'start':
      return (
        `start ${step.isInNamespace ? 'the init of a pid namespace' : `process ${step.pid}`} ` +
        `with a trampoline at ${hex(step.base)}`
      );
    case 'clear':
      return `unmap all else, the vdso is put to ${hex(step.scratch)}`;
    case 'fork':
      return `the init makes process ${step.pid}`;
    case 'switch':
      return `from here on, ${processName(step.process)}:`;
    case 'fork-helper':
      return `fork ${processName(step.process)}, ${step.about}`;
    case 'end':
      return `end ${processName(step.process)} with status 0x${step.status.toString(16)}`;
    case 'move':
      return (
        `move ${step.nrPages} pages from ${hex(step.fromPage * PAGE_SIZE)} ` +
        `to ${hex(step.toPage * PAGE_SIZE)}`
      );
    case 'settle':
      return `${step.threads.length} threads get their registers${stopped(step)}`;
    case 'release':
      return 'let all of them go';
    case 'read':
      return `read ${sumOfPages(step.runs)} pages (${step.about}) from {${step.file.slot}}`;
    case 'create-timer':
      return `create timer ${step.id} of clock ${step.clock}`;
    case 'add-watches':
      return `add ${step.watches.length} watches to the inotify descriptor ${step.fd}`;
    case 'open-pty':
      return `make the pseudo-terminal /dev/pts/${step.index} = {${step.result}}`;
    case 'finish':
      return `let ${step.threads.length} threads go${stopped(step)}`;
    case 'call':
      return formatCall(step);
  }
}

function processName(process: number): string {
  return process < 0 ? `helper ${-process}` : `process ${process}`;
}

function stopped({ stopSignal }: { stopSignal: number }): string {
  return stopSignal === 0 ? '' : ', stopped';
}

function formatCall(step: Extract<Step, { op: 'call' }>): string {
  const who = step.thread === undefined ? '' : `thread ${step.thread}: `;
  const result = step.result === undefined ? '' : ` = {${step.result}}`;
  return `${who}${step.call}(${step.args.map(formatValue).join(', ')})${result}  ${step.about}`;
}

function formatValue(value: Value | Word): string {
  if (typeof value === 'number') return value > 0xffff ? hex(value) : String(value);
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if ('slot' in value) return `{${value.slot}}`;
  if ('descriptor' in value) return `"/proc/self/fd/{${value.descriptor.slot}}"`;
  if ('text' in value) return JSON.stringify(value.text);
  if ('bytes' in value) return `[${value.bytes.length} bytes]`;
  if ('out' in value) return `-> {${value.out.join(', ')}}`;
  if ('halves' in value) return value.halves.map(formatValue).join(':');
  return `[${value.words.map(formatValue).join(' ')}]`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function sumOfPages(runs: Float64Array): number {
  let sum = 0;
  for (let i = 2; i < runs.length; i += 3) sum += runs[i] ?? 0;
  return sum;
}

function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Float64Array) return [...value];
  if (Array.isArray(value)) return value.map(toPlain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toPlain(item)]));
}
