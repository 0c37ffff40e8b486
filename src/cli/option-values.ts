import { UsageError } from './usage-error.js';

/** The kernel's pid_t. */
const maxPid = 2 ** 31 - 1;

/** @throws UsageError for what is no pid */
export function parsePid(value: unknown): number {
  const text = single('PID', value);
  const pid = /^\d+$/.test(text) ? Number(text) : 0;
  if (pid > 0 && pid <= maxPid) return pid;
  throw new UsageError(`'${text}' is no pid: a pid is a positive whole number`);
}

/** @throws UsageError for what is no list of pids */
export function parsePids(value: unknown): number[] {
  return (Array.isArray(value) ? value : [value]).map(parsePid);
}

/** A reader of `--NAME N`, a whole number of at least `min`. */
export function parseCount(name: string, min: number): (value: unknown) => number {
  return (value) => {
    const text = single(`--${name}`, value);
    const count = /^\d+$/.test(text) ? Number(text) : NaN;
    if (Number.isSafeInteger(count) && count >= min) return count;
    throw new UsageError(`--${name} wants a whole number of at least ${min}, not '${text}'`);
  };
}

/** A reader of a path named `name` in messages. */
export function parsePath(name: string): (value: unknown) => string {
  return (value) => {
    const path = single(name, value);
    if (path === '') throw new UsageError(`${name} is empty: name a directory`);
    return path;
  };
}

/** A reader of descriptors, each a number. */
export function parseFds(name: string): (values: unknown) => number[] {
  const parse = parseCount(name, 0);
  return (values) => (values as unknown[]).map(parse);
}

/** A reader of `FD` or `FD:OWN`: which descriptor a process gets from which of ours. */
export function parseInherited(name: string): (values: unknown) => Map<number, number> {
  const parse = parseCount(name, 0);
  return (values) =>
    new Map(
      (values as unknown[]).map((value) => {
        const [fd, own = fd, ...more] = single(`--${name}`, value).split(':');
        if (more.length > 0) throw new UsageError(`--${name} wants FD or FD:OWN`);
        return [parse(fd), parse(own)] as const;
      }),
    );
}

function single(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new UsageError(`${name} is given more than once`);
}
