import { on, once } from 'node:events';
import { watch } from 'chokidar';
import { parseRoundFile } from '../../image/file-names.js';

/**
 * Yields once at the beginning, then whenever a round of an images directory is committed: its
 * metadata is renamed into place last.
 * @throws AbortError when `signal` is aborted
 */
export async function* watchRounds(directory: string, signal: AbortSignal): AsyncGenerator<void> {
  const watcher = watch(directory, { depth: 0, ignoreInitial: true, ignored: isOtherFile });
  try {
    const added = on(watcher, 'add', { signal });
    await once(watcher, 'ready', { signal });
    // Rounds from before the watch are read now, those from now on are reported.
    yield;
    for await (const _ of added) yield;
  } finally {
    await watcher.close();
  }
}

function isOtherFile(path: string, stats?: { isFile(): boolean }): boolean {
  if (!stats?.isFile()) return false;
  const file = parseRoundFile(path.slice(path.lastIndexOf('/') + 1));
  return file?.part !== 'meta' || file.isTemporary;
}
