import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { type CreateOptions, ImageDirectory } from '../image/index.js';

/** A new images directory, which goes away again if round 0 fails. */
export interface NewImages {
  images: ImageDirectory;
  /** the directory was there, empty */
  hadDirectory: boolean;
}

/** @throws ImageError as `ImageDirectory.create` */
export async function prepareImages(directory: string, options: CreateOptions): Promise<NewImages> {
  const hadDirectory = existsSync(directory);
  return { images: await ImageDirectory.create(directory, options), hadDirectory };
}

/** Leaves what was there before. */
export async function removeImages({ images, hadDirectory }: NewImages): Promise<void> {
  await images.close();
  if (!hadDirectory) {
    await rm(images.path, { recursive: true, force: true });
    return;
  }
  for (const name of await readdir(images.path))
    await rm(path.join(images.path, name), { force: true });
}
