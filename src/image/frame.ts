import { Packr } from 'msgpackr';
import { ImageError } from '../errors.js';
import { crc32c } from './crc32c.js';

/** The version of the image format that this code writes, and the only one that it reads. */
export const FORMAT_VERSION = 2;

/** First eight bytes of a file, which say what it is. */
export type FrameMagic = 'TRKMANIF' | 'TRKROUND';

/** Fields of a frame's payload, not yet checked. */
export type Fields = Record<string, unknown>;

const HEADER_BYTES = 24;
const CRC_BYTES = 4;
const packr = new Packr({ useRecords: false, variableMapSize: true });

/** MessagePack in a frame: magic, version, length, payload, CRC-32C of all before. */
export function encodeFrame(magic: FrameMagic, fields: Fields): Buffer {
  const payload = packr.pack(fields);
  const frame = Buffer.alloc(HEADER_BYTES + payload.length + CRC_BYTES);
  frame.write(magic, 0, 'latin1');
  frame.writeUInt32LE(FORMAT_VERSION, 8);
  frame.writeBigUInt64LE(BigInt(payload.length), 16);
  payload.copy(frame, HEADER_BYTES);
  const crcOffset = HEADER_BYTES + payload.length;
  frame.writeUInt32LE(crc32c(frame.subarray(0, crcOffset)), crcOffset);
  return frame;
}

/**
 * Checks and unpacks a frame. `name` is the file's, for messages.
 * @throws ImageError `IMAGES_DAMAGED`, `IMAGES_NEWER` or `IMAGES_OLDER`
 */
export function decodeFrame(magic: FrameMagic, frame: Buffer, name: string): Fields {
  const damaged = (what: string) => new ImageError('IMAGES_DAMAGED', `${name} is damaged: ${what}`);
  if (frame.length < HEADER_BYTES + CRC_BYTES) {
    throw damaged(`it ends at ${frame.length} of at least ${HEADER_BYTES + CRC_BYTES} bytes`);
  }
  if (frame.toString('latin1', 0, 8) !== magic) throw damaged(`it does not begin with ${magic}`);
  const crcOffset = HEADER_BYTES + Number(frame.readBigUInt64LE(16));
  if (frame.length !== crcOffset + CRC_BYTES) {
    throw damaged(`it ends at ${frame.length} of ${crcOffset + CRC_BYTES} bytes`);
  }
  if (frame.readUInt32LE(crcOffset) !== crc32c(frame.subarray(0, crcOffset))) {
    throw damaged(`its bytes 0 to ${crcOffset} do not match the checksum`);
  }
  checkVersion(frame.readUInt32LE(8), name);
  return unpack(frame.subarray(HEADER_BYTES, crcOffset), damaged);
}

function checkVersion(version: number, name: string): void {
  if (version === FORMAT_VERSION) return;
  const isNewer = version > FORMAT_VERSION;
  throw new ImageError(
    isNewer ? 'IMAGES_NEWER' : 'IMAGES_OLDER',
    `${name} has image format version ${version}, this tracker reads version ${FORMAT_VERSION}: ` +
      `use the tracker release that wrote it${isNewer ? ', or a newer one' : ''}`,
    { facts: { version } },
  );
}

function unpack(payload: Buffer, damaged: (what: string) => ImageError): Fields {
  let fields: unknown;
  try {
    fields = packr.unpack(payload);
  } catch (error) {
    throw damaged(`its payload is not MessagePack (${String(error)})`);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw damaged('its payload is not a map');
  }
  return fields as Fields;
}
