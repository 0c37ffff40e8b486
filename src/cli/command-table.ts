import type { AnyCommand } from './command.js';

/** A command as it is listed; the rest is loaded when it is used. */
export interface CommandEntry {
  /** name and arguments, in the notation of yargs */
  usage: string;
  describe: string;
  load: () => Promise<AnyCommand>;
}

/** Every command, in the order in which they are used. */
export const commandTable: readonly CommandEntry[] = [
  {
    usage: 'check',
    describe: 'Say what of tracking works on this machine',
    load: async () => (await import('./commands/check.js')).check,
  },
  {
    usage: 'start [pid..]',
    describe: 'Track processes and store all of their memory as round 0',
    load: async () => (await import('./commands/start.js')).start,
  },
  {
    usage: 'iterate [pid..]',
    describe: 'Store what was written since, round by round',
    load: async () => (await import('./commands/iterate.js')).iterate,
  },
  {
    usage: 'stop [pid..]',
    describe: 'Take the final round and end tracking',
    load: async () => (await import('./commands/stop.js')).stop,
  },
  {
    usage: 'dump <pid>',
    describe: 'Store a whole process as it is, without tracking, and end it',
    load: async () => (await import('./commands/dump.js')).dump,
  },
  {
    usage: 'restore <dir>',
    describe: 'Make the process of some images run again',
    load: async () => (await import('./commands/restore.js')).restore,
  },
  {
    usage: 'status [pid]',
    describe: 'List the tracked processes, or those of some images',
    load: async () => (await import('./commands/status.js')).status,
  },
  {
    usage: 'show <dir>',
    describe: 'List the rounds of an images directory',
    load: async () => (await import('./commands/show.js')).show,
  },
  {
    usage: 'squash <dir> <out>',
    describe: 'Make one full round out of many, in a new directory',
    load: async () => (await import('./commands/squash.js')).squash,
  },
];
