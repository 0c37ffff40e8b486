import type { UnixSocketFile } from '../../../process/file-record.js';
import { fcntl } from '../constants.js';
import { call, type Slot, type Step } from '../step.js';
import type { FilePlanContext, FilePlanner } from './file-planner.js';
import { addressSteps, optionSteps } from './socket-steps.js';

const unixFamily = 1;
const closeOnExec = 0o2000000;
const sendFlags = 0x40 | 0x4000; // MSG_DONTWAIT, MSG_NOSIGNAL: what does not fit is an error

/** One of a pair, or alone. */
export const unixSocket: FilePlanner<UnixSocketFile> = (file, context) => ({
  steps: file.peer === null ? singleSteps(file, context) : pairedSteps(file, file.peer, context),
});

function singleSteps(file: UnixSocketFile, { file: made }: FilePlanContext): Step[] {
  const about = `unix socket ${file.socket}`;
  const { type, protocol, nameFile, messages, local } = file;
  const steps: Step[] = [
    call('socket', [unixFamily, type, protocol], about, { result: made.slot }),
    ...optionSteps(made, file, about),
  ];
  if (nameFile) steps.push({ op: 'free-name', path: nameFile.path, inode: nameFile.inode });
  steps.push(...addressSteps(made, file, about));
  if (nameFile) {
    const { path, mode, uid, gid } = nameFile;
    // The owner first: a change of it takes bits of the mode away.
    steps.push(call('chown', [{ text: path }, uid, gid], about));
    steps.push(call('chmod', [{ text: path }, mode], about));
  }
  const address = [{ bytes: local }, local.byteLength] as const;
  for (const { content } of messages) {
    const sender = { slot: `sender to ${about}` };
    steps.push(
      call('socket', [unixFamily, type, protocol], about, { result: sender.slot }),
      call(
        'sendto',
        [sender, { bytes: content }, content.byteLength, sendFlags, ...address],
        about,
        {
          expect: content.byteLength,
        },
      ),
      call('close', [sender], about),
    );
  }
  return steps;
}

/** The whole pair is made by whichever comes first; each waits above all numbers until its turn. */
function pairedSteps(file: UnixSocketFile, peer: number, context: FilePlanContext): Step[] {
  const about = `pair of unix sockets ${[file.socket, peer].sort((a, b) => a - b).join(' and ')}`;
  const own = endSlot(file.socket);
  const isFirst = context.isFirst(about);
  return [
    ...(isFirst ? makePair(file, peer, context, about) : []),
    call('fcntl', [own, fcntl.duplicateFrom, 0], about, { result: context.file.slot }),
    call('close', [own], about),
  ];
}

function makePair(
  file: UnixSocketFile,
  peer: number,
  context: FilePlanContext,
  about: string,
): Step[] {
  const other = peer === 0 ? undefined : socketOf(peer, context);
  const own = endSlot(file.socket);
  const far = other ? endSlot(other.socket) : { slot: `closed end of ${about}` };
  const made = [own, far].map(({ slot }) => `new ${slot}`);
  return [
    call('socketpair', [unixFamily, file.type | closeOnExec, file.protocol, { out: made }], about),
    ...[own, far].flatMap(({ slot }) => [
      call('fcntl', [{ slot: `new ${slot}` }, fcntl.duplicateFrom, context.above], about, {
        result: slot,
      }),
      call('close', [{ slot: `new ${slot}` }], about),
    ]),
    ...optionSteps(own, file, about),
    ...(other ? optionSteps(far, other, about) : []),
    ...sendSteps(far, file, about),
    ...(other ? sendSteps(own, other, about) : []),
    ...shutdownSteps(own, file, about),
    ...(other ? [] : [call('close', [far], about)]),
  ];
}

function socketOf(socket: number, { input }: FilePlanContext): UnixSocketFile | undefined {
  return input.process.files.open.find(
    (file): file is UnixSocketFile => file.kind === 'unix-socket' && file.socket === socket,
  );
}

function endSlot(socket: number): Slot {
  return { slot: `unix socket ${socket}` };
}

/** What one has received is sent anew by the other. */
function sendSteps(from: Slot, { messages }: UnixSocketFile, about: string): Step[] {
  return messages.map(({ content }) =>
    call('sendto', [from, { bytes: content }, content.byteLength, sendFlags, 0, 0], about, {
      expect: content.byteLength,
    }),
  );
}

/** What one does not do any more, the other knows: once for both. */
function shutdownSteps(socket: Slot, { shutdown, peer }: UnixSocketFile, about: string): Step[] {
  return shutdown === 0 || peer === 0 ? [] : [call('shutdown', [socket, shutdown - 1], about)];
}
