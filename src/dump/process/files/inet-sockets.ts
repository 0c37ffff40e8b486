import { native } from '../../../native.js';
import type { SocketState } from '../../../native-remote.js';
import type { FileHandler } from './file-handler.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { family, formatAddress } from '../../../process/socket-address.js';
import { socketOptions } from './socket-options.js';
import { isSocket, isFamily, refusedSharing, stateOf } from './sockets.js';

const type = { stream: 1, datagram: 2 } as const;
const protocol = { tcp: 6, udp: 17 } as const;
/** The states of TCP that hold nothing of a connection. */
const tcpState = { close: 7, listen: 10 } as const;

/** TCP sockets that listen or are not in use yet, and UDP ones that are not connected. */
export const inetSockets: FileHandler = {
  matches: (descriptor) =>
    isSocket(descriptor) &&
    isFamily(descriptor, family.inet, family.inet6) &&
    protocolOf(stateOf(descriptor)) !== undefined,
  isSharable: true,
  refusal: (descriptor, { holders }) => {
    const state = stateOf(descriptor);
    const name = protocolOf(state) === 'tcp' ? 'TCP' : 'UDP';
    const reason = refusedConnection(state, name);
    if (reason !== undefined) return reason;
    if (state.hasError)
      return `${name} socket ${formatAddress(state.local)} with an error that it has not asked for`;
    if (state.hasFilter) return `${name} socket ${formatAddress(state.local)} with a filter`;
    return refusedSharing(descriptor, holders, `${name} socket ${formatAddress(state.local)}`);
  },
  collect: (descriptor) => {
    const state = native.socketState(descriptor.pid, descriptor.fd, namesFor(descriptor));
    const { domain, type: its, protocol: number, local, isListening, options } = state;
    const backlog = isListening ? queueOf(state).longest : 0;
    return {
      kind: 'inet-socket',
      ...{ domain, type: its, protocol: number, local, isListening, backlog, options },
    };
  },
};

function namesFor(descriptor: OpenDescriptor): Int32Array {
  return socketOptions[protocolOf(stateOf(descriptor)) ?? 'none'];
}

function protocolOf(state: SocketState): 'tcp' | 'udp' | undefined {
  if (state.type === type.stream && state.protocol === protocol.tcp) return 'tcp';
  if (state.type === type.datagram && state.protocol === protocol.udp) return 'udp';
  return undefined;
}

function refusedConnection(state: SocketState, name: string): string | undefined {
  const local = formatAddress(state.local);
  if (state.remote.length > 0)
    return `${name} connection ${local} -> ${formatAddress(state.remote)}`;
  if (state.tcpInfo.length === 0) return undefined;
  if (state.isListening) {
    const { length } = queueOf(state);
    return length === 0
      ? undefined
      : `TCP socket ${local} with ${length} connections to be accepted`;
  }
  if (state.tcpInfo[0] !== tcpState.close)
    return `TCP connection ${local} -> an address unknown yet`;
  return state.isShut ? `TCP connection ${local} that has ended` : undefined;
}

/** Connections that a listening socket keeps for the program: tcpi_unacked, and at most tcpi_sacked. */
function queueOf({ tcpInfo }: SocketState): { length: number; longest: number } {
  const info = Buffer.from(tcpInfo);
  return { length: info.readUInt32LE(24), longest: info.readUInt32LE(28) };
}
