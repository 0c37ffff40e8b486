import type { SocketOption } from '../../../process/socket-record.js';
import { formatAddress } from '../../../process/socket-address.js';
import { fcntl } from '../constants.js';
import { call, type Slot, type Step } from '../step.js';

const generalLevel = 1;
/** Sizes of buffers are told as twice of what is asked for; the forced ones know no upper limit. */
const sendBuffer = { name: 7, forced: 32 } as const;
const receiveBuffer = { name: 8, forced: 33 } as const;
/** What F_SETFL can set of a socket: O_NONBLOCK, O_ASYNC. */
const settable = 0o4000 | 0o20000;
const familyBytes = 2;

/** Sets options and flags. */
export function optionSteps(
  socket: Slot,
  { options, flags }: { options: readonly SocketOption[]; flags: number },
  about: string,
): Step[] {
  return [
    ...options.map((option) => optionStep(socket, option, about)),
    call('fcntl', [socket, fcntl.setFlags, flags & settable], about),
  ];
}

/** Binds it and lets it listen, if it did. */
export function addressSteps(
  socket: Slot,
  file: { local: Uint8Array; isListening: boolean; backlog: number },
  about: string,
): Step[] {
  const { local, isListening, backlog } = file;
  const taken = `the address ${formatAddress(local)}`;
  const steps: Step[] = [];
  if (local.subarray(familyBytes).some((byte) => byte !== 0))
    steps.push(call('bind', [socket, { bytes: local }, local.byteLength], about, { taken }));
  if (isListening) steps.push(call('listen', [socket, backlog], about, { taken }));
  return steps;
}

function optionStep(socket: Slot, { level, name, value }: SocketOption, about: string): Step {
  const what = `${about}, option ${name} of level ${level}`;
  const buffer = [sendBuffer, receiveBuffer].find((each) => each.name === name);
  if (level !== generalLevel || !buffer)
    return call('setsockopt', [socket, level, name, { bytes: value }, value.byteLength], what);
  const bytes = new Uint8Array(value);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, view.getInt32(0, true) / 2, true);
  return call('setsockopt', [socket, level, buffer.forced, { bytes }, bytes.byteLength], what);
}
