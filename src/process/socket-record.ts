import type { FieldReader } from '../image/field-reader.js';

/** An option of a socket, as getsockopt has it; one that a new socket has anyway is not noted. */
export interface SocketOption {
  level: number;
  name: number;
  value: Uint8Array;
}

/** What all sockets have. */
interface Socket {
  /** type and protocol as for `socket` */
  type: number;
  protocol: number;
  /** `struct sockaddr`; of a unix socket without a name the family alone */
  local: Uint8Array;
  isListening: boolean;
  /** connections that may wait to be accepted */
  backlog: number;
  options: SocketOption[];
}

/** A TCP socket that is not connected, or a UDP one. */
export interface InetSocket extends Socket {
  /** AF_INET or AF_INET6 */
  domain: number;
}

/** A unix socket. */
export interface UnixSocket extends Socket {
  /** a number of its own, and its peer's: 0 if that has been closed, null if there was none */
  socket: number;
  peer: number | null;
  /** 1: does not receive any more; 2: does not send; 3: both */
  shutdown: number;
  /** what waits to be received; of a stream all in one */
  messages: { content: Uint8Array }[];
  /** the file that is its name; absent if it has none, or an abstract one */
  nameFile?: SocketName;
}

/** A unix socket's name in the file system. */
export interface SocketName {
  path: string;
  inode: number;
  mode: number;
  uid: number;
  gid: number;
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readInetSocket(reader: FieldReader): InetSocket {
  return { domain: reader.count('domain'), ...readSocket(reader) };
}

/** @throws ImageError `IMAGES_DAMAGED` */
export function readUnixSocket(reader: FieldReader): UnixSocket {
  return {
    ...readSocket(reader),
    socket: reader.count('socket'),
    peer: reader.countOrNull('peer'),
    shutdown: reader.count('shutdown'),
    messages: reader
      .maps('messages')
      .map((fields) => ({ content: reader.inner(fields, 'message').bytes('content') })),
    ...(reader.has('nameFile')
      ? { nameFile: readName(reader.inner(reader.map('nameFile'), 'nameFile')) }
      : {}),
  };
}

function readSocket(reader: FieldReader): Socket {
  return {
    type: reader.count('type'),
    protocol: reader.count('protocol'),
    local: reader.bytes('local'),
    isListening: reader.boolean('isListening'),
    backlog: reader.count('backlog'),
    options: reader.maps('options').map((fields) => readOption(reader.inner(fields, 'option'))),
  };
}

function readOption(reader: FieldReader): SocketOption {
  return {
    level: reader.count('level'),
    name: reader.count('name'),
    value: reader.bytes('value'),
  };
}

function readName(reader: FieldReader): SocketName {
  return {
    path: reader.string('path'),
    inode: reader.count('inode'),
    mode: reader.count('mode'),
    uid: reader.count('uid'),
    gid: reader.count('gid'),
  };
}
