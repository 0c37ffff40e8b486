import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError, isSystemError } from '../errors.js';
import { metaFile, pagesFile, parseRoundFile } from './file-names.js';
import type { Manifest } from './manifest.js';
import { roundError } from './round-error.js';
import { findRoundFault } from './round-fault.js';
import { decodeRoundMeta, type RoundMeta } from './round-meta.js';

/**
 * Reads and checks the metadata of the rounds, oldest first. `names` are the
 * directory's entries; rounds after `upTo` are not looked at. Page data is not
 * read, only the length of its files is checked.
 * @throws ImageError `IMAGES_DAMAGED`, `IMAGES_NEWER`, `IMAGES_OLDER`,
 *   `IMAGES_ROUND_MISSING`, `IMAGES_MIXED` or `IMAGES_TRUNCATED`
 */
export async function readRounds(
  directory: string,
  names: readonly string[],
  manifest: Manifest,
  upTo = Infinity,
): Promise<RoundMeta[]> {
  const rounds: RoundMeta[] = [];
  for (const number of listRounds(directory, names, upTo)) {
    const meta = await readMeta(directory, number);
    checkChain(directory, number, meta, rounds.at(-1), manifest);
    checkContent(directory, meta, rounds);
    await checkPagesLength(directory, meta);
    rounds.push(meta);
  }
  return rounds;
}

/** Numbers of the rounds whose metadata is there. */
function listRounds(directory: string, names: readonly string[], upTo: number): number[] {
  const numbers = names
    .map(parseRoundFile)
    .filter((file) => file?.part === 'meta' && !file.isTemporary)
    .map((file) => file?.number ?? 0)
    .filter((number) => number <= upTo)
    .sort((a, b) => a - b);
  numbers.forEach((number, index) => {
    if (number === index) return;
    const place = { directory, number: index };
    const what = `${metaFile(index)} is missing, and ${metaFile(number)} is there`;
    throw roundError('IMAGES_ROUND_MISSING', place, what);
  });
  return numbers;
}

async function readMeta(directory: string, number: number): Promise<RoundMeta> {
  const name = metaFile(number);
  const bytes = await readFile(join(directory, name));
  try {
    return decodeRoundMeta(bytes, name);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw roundError(error.code, { directory, number }, error.message, error);
  }
}

function checkChain(
  directory: string,
  number: number,
  meta: RoundMeta,
  before: RoundMeta | undefined,
  manifest: Manifest,
): void {
  const place = { directory, number };
  const name = metaFile(number);
  const mixed = (what: string) => roundError('IMAGES_MIXED', place, `${name} ${what}`);
  if (meta.number !== number) throw mixed(`is round ${meta.number}, renamed`);
  if (meta.imagesId !== manifest.id) throw mixed('belongs to another images directory');
  if (meta.parent !== (before?.id ?? null)) {
    throw mixed(before ? `does not continue round ${before.number}` : 'continues another round');
  }
}

function checkContent(directory: string, meta: RoundMeta, before: readonly RoundMeta[]): void {
  const fault = findRoundFault(meta, before);
  if (fault) throw roundError('IMAGES_DAMAGED', { directory, number: meta.number }, fault);
}

async function checkPagesLength(directory: string, meta: RoundMeta): Promise<void> {
  const { number, pagesBytes } = meta;
  const name = pagesFile(number);
  const place = { directory, number };
  const bytes = await sizeOf(join(directory, name));
  if (bytes === undefined) throw roundError('IMAGES_TRUNCATED', place, `${name} is missing`);
  if (bytes < pagesBytes) {
    const what = `${name} ends at ${bytes} of ${pagesBytes} bytes`;
    throw roundError('IMAGES_TRUNCATED', place, what);
  }
  if (bytes > pagesBytes) {
    const what = `${name} has ${bytes} bytes, ${bytes - pagesBytes} too many`;
    throw roundError('IMAGES_DAMAGED', place, what);
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
