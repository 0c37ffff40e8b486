import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { MANIFEST_FILE } from '../image/file-names.js';
import { decodeManifest } from '../image/manifest.js';
import { decodeSelection } from './selection.js';

/** Whether a directory holds images of a tree. What cannot be read is for others to complain of. */
export async function isTree(directory: string): Promise<boolean> {
  try {
    const file = path.join(directory, MANIFEST_FILE);
    const { unknownFields } = decodeManifest(await readFile(file), file);
    return decodeSelection(unknownFields) !== undefined;
  } catch {
    return false;
  }
}
