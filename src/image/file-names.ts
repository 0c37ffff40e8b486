/** Name of the file that makes a directory an images directory. */
export const MANIFEST_FILE = 'manifest.trk';

/** Name of the file that a writer holds a lock on; its content is the writer's pid. */
export const LOCK_FILE = 'lock.trk';

/** Suffix of a file that is still being written. */
export const TEMPORARY_SUFFIX = '.tmp';

const ROUND_FILE = /^round-(\d{4,})\.(meta|pages)(\.tmp)?$/;

/** A file of a round, as told by its name. */
export interface RoundFile {
  name: string;
  number: number;
  part: 'meta' | 'pages';
  isTemporary: boolean;
}

export function metaFile(number: number): string {
  return `round-${String(number).padStart(4, '0')}.meta`;
}

export function pagesFile(number: number): string {
  return `round-${String(number).padStart(4, '0')}.pages`;
}

/** Nothing for the name of another file. */
export function parseRoundFile(name: string): RoundFile | undefined {
  const match = ROUND_FILE.exec(name);
  if (!match) return undefined;
  return {
    name,
    number: Number(match[1]),
    part: match[2] === 'meta' ? 'meta' : 'pages',
    isTemporary: match[3] !== undefined,
  };
}

/** True for a name that this format uses: a file of ours, whole or left by a crash. */
export function isOwnFile(name: string): boolean {
  return (
    parseRoundFile(name) !== undefined ||
    [MANIFEST_FILE, LOCK_FILE, MANIFEST_FILE + TEMPORARY_SUFFIX].includes(name)
  );
}
