import { readFileSync } from 'node:fs';

/** A mount as a process sees it. */
export interface Mount {
  /** of the file system: `8:1` */
  device: string;
  path: string;
}

/** The mounts of a process' namespace, in the order in which they were made. */
export function mountsOf(pid: number | 'self', proc = '/proc'): Mount[] {
  return parseMounts(readFileSync(`${proc}/${pid}/mountinfo`, 'utf8'));
}

/** Reads lines of `/proc/PID/mountinfo`. */
export function parseMounts(text: string): Mount[] {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((fields) => fields.length > 4)
    .map(([, , device = '', , path = '']) => ({ device, path: unescape(path) }));
}

/** Spaces and the like are octal: `\040`. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(parseInt(octal, 8)),
  );
}
