import type { FieldReader } from '../image/field-reader.js';

/** Bytes of the kernel's `struct termios2` and `struct winsize`. */
export const SETTINGS_BYTES = 44;
export const WINDOW_BYTES = 8;

/** The master of a pseudo-terminal, which knows the settings of both ends. */
export interface PtyMaster {
  /** as in `/dev/pts/N` */
  index: number;
  settings: Uint8Array;
  windowSize: Uint8Array;
  /** the last one that had the slave has closed it */
  isHungUp: boolean;
  /** the slave cannot be opened yet */
  isLocked: boolean;
  isPacketMode: boolean;
  isExclusive: boolean;
}

/** A terminal that somebody else has made, and which this was a job on (`--shell-job`). */
export interface OuterTerminal {
  path: string;
  settings: Uint8Array;
  isForeground: boolean;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readPtyMaster(reader: FieldReader): PtyMaster {
  return {
    index: reader.count('index'),
    settings: reader.block('settings', SETTINGS_BYTES),
    windowSize: reader.block('windowSize', WINDOW_BYTES),
    isHungUp: reader.boolean('isHungUp'),
    isLocked: reader.boolean('isLocked'),
    isPacketMode: reader.boolean('isPacketMode'),
    isExclusive: reader.boolean('isExclusive'),
  };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readOuterTerminal(reader: FieldReader): OuterTerminal {
  return {
    path: reader.string('path'),
    settings: reader.block('settings', SETTINGS_BYTES),
    isForeground: reader.boolean('isForeground'),
  };
}
