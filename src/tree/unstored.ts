import type { Fields } from '../image/frame.js';

/**
 * A member that ended in the round that would have stored it first. Its children are found by its
 * session, also by a controller that has never seen it.
 */
export interface Unstored {
  pid: number;
  startTime: number;
  sessionId: string;
}

/** For the metadata of a round; nothing where there are none. */
export function encodeUnstored(unstored: readonly Unstored[]): Fields {
  return unstored.length > 0 ? { unstored: [...unstored] } : {};
}

/** What {@link encodeUnstored} has written. */
export function decodeUnstored(fields: Fields): Unstored[] {
  const value = fields['unstored'];
  if (!Array.isArray(value)) return [];
  return value.map(({ pid, startTime, sessionId }: Partial<Unstored>) => ({
    pid: Number(pid),
    startTime: Number(startTime),
    sessionId: String(sessionId),
  }));
}
