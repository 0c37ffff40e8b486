import { lstatSync } from 'node:fs';
import { isSystemError, TargetError } from '../../../errors.js';
import { native } from '../../../native.js';
import type { SocketState, UnixSocketState } from '../../../native-remote.js';
import type { SocketName } from '../../../process/socket-record.js';
import type { FileHandler, RefusalContext } from './file-handler.js';
import type { Holders } from './holders.js';
import { nameOf, type OpenDescriptor } from './open-descriptor.js';
import { family, formatAddress, pathOf } from '../../../process/socket-address.js';
import { socketOptions } from './socket-options.js';
import { isFamily, isSocket, refusedSharing, stateOf } from './sockets.js';

const familyBytes = 2;

/** Unix sockets: listening, bound or new ones, and pairs of which the process, or its tree, has both. */
export const unixSockets: FileHandler = {
  matches: (descriptor) => isSocket(descriptor) && isFamily(descriptor, family.unix),
  isSharable: true,
  refusal: (descriptor, context) => {
    const state = stateOf(descriptor);
    const known = knownOf(descriptor);
    if (!known) return 'unix socket that the kernel does not list: is the module unix_diag there?';
    const nrFds = Number(/^scm_fds:\s*(\d+)$/m.exec(descriptor.info)?.[1] ?? '0');
    if (nrFds > 0) return `unix socket with ${nrFds} descriptors on their way`;
    const what = `unix socket ${formatAddress(state.local)}`.trimEnd();
    if (state.hasFilter) return `${what} with a filter`;
    if (state.hasError) return `${what} with an error that it has not asked for`;
    return (
      refusedPeer(descriptor.pid, state, known, context) ??
      refusedName(state, known) ??
      refusedSharing(descriptor, context.holders, what)
    );
  },
  collect: (descriptor) => {
    const { pid, fd } = descriptor;
    const { type, protocol, local, isListening, options } = native.socketState(
      ...([pid, fd, socketOptions.unix] as const),
    );
    const { inode = 0, peer = -1, shutdown = 0, backlog = 0 } = knownOf(descriptor) ?? {};
    const nameFile = nameFileOf(local);
    return {
      kind: 'unix-socket',
      ...{ type, protocol, local, isListening, options, socket: inode, shutdown },
      backlog: isListening ? backlog : 0,
      peer: peer < 0 ? null : peer,
      messages: isListening ? [] : messagesOf(descriptor),
      ...(nameFile ? { nameFile } : {}),
    };
  },
};

function knownOf({ stat }: OpenDescriptor): UnixSocketState | undefined {
  return native.unixSockets().find(({ inode }) => inode === stat.ino);
}

/** Whoever is at the other end has to be dumped as well, and not have got there by a name. */
function refusedPeer(
  pid: number,
  { isListening, local }: SocketState,
  { inode, peer, waiting }: UnixSocketState,
  context: RefusalContext,
): string | undefined {
  if (isListening)
    return waiting === 0
      ? undefined
      : `unix socket ${formatAddress(local)} with ${waiting} connections to be accepted`;
  if (peer < 0) return undefined;
  if (local.length > familyBytes) return `unix socket ${formatAddress(local)} that is connected`;
  if (peer === 0) return undefined;
  const other = socketOf(peer, context);
  if (!other) return `unix socket [${inode}] connected to ${describePeer(peer, context.holders)}`;
  const state = stateOf(other);
  const name = other.pid === pid ? `fd ${other.fd}` : nameOf(other);
  if (state.local.length > familyBytes)
    return `unix socket connected to ${formatAddress(state.local)} of ${name}`;
  return knownOf(other)?.peer === inode ? undefined : `unix socket connected to ${name}`;
}

function socketOf(inode: number, { descriptors, tree }: RefusalContext) {
  if (tree) return tree.named(`socket:[${inode}]`)[0];
  return descriptors.find(({ stat }) => stat.isSocket() && stat.ino === inode);
}

function describePeer(peer: number, holders: Holders): string {
  const pids = holders.of(`socket:[${peer}]`, 0);
  return `socket [${peer}] of ${pids.length === 0 ? 'nobody' : `pid ${pids.join(', ')}`}`;
}

function refusedName({ local }: SocketState, { nameInode }: UnixSocketState): string | undefined {
  const path = pathOf(local);
  if (path === undefined) return undefined;
  if (!path.startsWith('/')) return `unix socket bound to the relative path ${path}`;
  return nameFileOf(local)?.inode === nameInode
    ? undefined
    : `unix socket bound to ${path}, a name that is no longer that socket's`;
}

function nameFileOf(local: Uint8Array): SocketName | undefined {
  const path = pathOf(local);
  if (path === undefined) return undefined;
  try {
    const { ino, mode, uid, gid } = lstatSync(path);
    return { path, inode: ino, mode: mode & 0o7777, uid, gid };
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** @throws TargetError `NOT_DUMPABLE` where a sender had a name, which the answer may need */
function messagesOf(descriptor: OpenDescriptor): { content: Uint8Array }[] {
  return native.socketQueue(descriptor.pid, descriptor.fd).map(({ sender, content }) => {
    if (sender.length <= familyBytes) return { content };
    throw new TargetError(
      'NOT_DUMPABLE',
      `cannot dump pid ${descriptor.pid}, which runs on: ${nameOf(descriptor)}: unix socket with a ` +
        `message of ${formatAddress(sender)} in it`,
      { facts: { pid: descriptor.pid } },
    );
  });
}
