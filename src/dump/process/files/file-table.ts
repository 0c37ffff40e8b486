import { epolls, eventfds } from './event-files.js';
import type { FileContext, FileHandler } from './file-handler.js';
import { fifos } from './fifos.js';
import { inheritedFiles } from './inherited-files.js';
import { deletedFiles, memfds } from './nameless-files.js';
import type { OpenDescriptor } from './open-descriptor.js';
import { inetSockets } from './inet-sockets.js';
import { inotifyFiles } from './inotify-files.js';
import { otherFiles } from './other-files.js';
import { otherSockets } from './other-sockets.js';
import { pipes } from './pipes.js';
import { directories, regularFiles, statelessDeviceFiles } from './path-files.js';
import { ptyMasters, ptySlaves } from './ptys.js';
import { signalFiles } from './signal-files.js';
import { controllingTerminals, terminals } from './terminals.js';
import { timerFiles } from './timer-files.js';
import { unixSockets } from './unix-sockets.js';

/** Every kind of open file; the first that matches has it, and the last has what is left. */
const handlers: readonly FileHandler[] = [
  inheritedFiles,
  regularFiles,
  directories,
  statelessDeviceFiles,
  pipes,
  fifos,
  ptyMasters,
  ptySlaves,
  controllingTerminals,
  terminals,
  eventfds,
  epolls,
  timerFiles,
  signalFiles,
  inotifyFiles,
  memfds,
  deletedFiles,
  inetSockets,
  unixSockets,
  otherSockets,
  otherFiles,
];

/** Who dumps a descriptor. */
export function handlerOf(descriptor: OpenDescriptor, context: FileContext): FileHandler {
  return handlers.find((handler) => handler.matches(descriptor, context)) ?? otherFiles;
}
