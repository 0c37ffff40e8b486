import { native } from '../../../native.js';
import type { SocketState } from '../../../native-remote.js';
import type { Holders } from './holders.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { socketOptions } from './socket-options.js';

/** Whether it is a socket of any kind. */
export function isSocket({ stat, link }: OpenDescriptor): boolean {
  return stat.isSocket() && link.startsWith('socket:');
}

/** Whether a socket is of one of these families. */
export function isFamily(descriptor: OpenDescriptor, ...families: readonly number[]): boolean {
  return families.includes(stateOf(descriptor).domain);
}

/** What a socket tells of itself, without its options; nothing in the process changes by that. */
export function stateOf({ pid, fd }: OpenDescriptor): SocketState {
  return native.socketState(pid, fd, socketOptions.none);
}

/** Why a socket cannot be dumped that a process outside of the tree has as well. */
export function refusedSharing(
  { link, pid }: OpenDescriptor,
  holders: Holders,
  what: string,
): string | undefined {
  const others = holders.outside(link, pid);
  return others.length === 0 ? undefined : `${what}, which pid ${others.join(', ')} has too`;
}
