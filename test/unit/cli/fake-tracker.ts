import {
  noFreeze,
  type RoundReport,
  type StopReport,
  type VerifyReport,
} from '../../../src/dump/reports.js';
import type { RoundLimits, Services, TrackerOptions } from '../../../src/cli/services.js';
import type {
  MemberReport,
  TreeRoundReport,
  TreeStopReport,
} from '../../../src/tree/tree-reports.js';
import type { SessionStatus } from '../../../src/native.js';
import type { TreeStatus } from '../../../src/tree/tree-status.js';

export function roundReport(more: Partial<RoundReport> = {}): RoundReport {
  return {
    round: 1,
    kind: 'delta',
    pages: 10,
    zeroPages: 2,
    bytes: 32_768,
    durationMs: 12.3,
    freezeMs: 0,
    freeze: noFreeze,
    harvestMs: 0.5,
    copyMs: 4,
    commitMs: 7,
    dirtyPages: 10,
    pinnedPages: 0,
    rescannedRegions: 0,
    swappedVmas: 0,
    swappedPages: 0,
    nrVmas: 40,
    untracked: [],
    sharing: [],
    epoch: 2,
    isFrozen: false,
    ...more,
  };
}

export function stopReport(more: Partial<StopReport> = {}): StopReport {
  return {
    final: roundReport({ round: 5, isFrozen: true }),
    freezeMs: 30,
    freeze: { ...noFreeze, totalMs: 30, stopMs: 1, revertMs: 2 },
    revertMs: 2,
    revertedVmas: 12,
    verify: null,
    process: { round: 6, nrThreads: 2, nrFiles: 5, durationMs: 9 },
    notRestorable: null,
    isKilled: false,
    ...more,
  };
}

export function treeRoundReport(more: Partial<TreeRoundReport> = {}): TreeRoundReport {
  return {
    round: 1,
    kind: 'delta',
    isFrozen: false,
    pages: 10,
    zeroPages: 2,
    refPages: 30,
    bytes: 32_768,
    dirtyPages: 12,
    pinnedPages: 0,
    rescannedRegions: 0,
    swappedVmas: 0,
    durationMs: 12.3,
    freezeMs: 0,
    harvestMs: 0.5,
    copyMs: 4,
    commitMs: 7,
    members: [memberReport(), memberReport({ member: 1, pid: 13, isNew: true })],
    segments: [],
    ended: [],
    skipped: [],
    ...more,
  };
}

export function memberReport(more: Partial<MemberReport> = {}): MemberReport {
  return {
    member: 0,
    pid: 12,
    comm: 'server',
    parent: null,
    kind: 'delta',
    isNew: false,
    pages: 5,
    zeroPages: 1,
    refPages: 15,
    dirtyPages: 6,
    freezeMs: 0,
    swappedVmas: 0,
    swappedPages: 0,
    nrVmas: 20,
    untracked: [],
    sharing: [],
    ...more,
  };
}

export function treeStopReport(lostWrites = 0): TreeStopReport {
  const verify = verifyReport(lostWrites, lostWrites > 0 ? ['0x1000'] : []);
  const end = { member: 0, pid: 12, comm: 'server', freezeMs: 30, revertedVmas: 12, verify };
  return {
    final: treeRoundReport({ round: 5, isFrozen: true }),
    freezeMs: 40,
    revertMs: 2,
    members: [end],
    verify: {
      pages: 100,
      lostWrites,
      changedByOthers: 0,
      unreadable: 0,
      beyondEnd: 0,
      durationMs: 3,
    },
    isKilled: false,
  };
}

export function verifyReport(
  lostWrites: number,
  lostAddresses: string[] = [],
  changedByOthers = 0,
): VerifyReport {
  return {
    pages: 100,
    lostWrites,
    lostAddresses,
    changedByOthers,
    unreadable: 0,
    beyondEnd: 0,
    durationMs: 3,
  };
}

export function treeStatus(images: string): TreeStatus {
  const { after: _cursor, ...session } = sessionStatus({ pid: 12 });
  const since = '2026-01-02T03:04:05.000Z';
  const tracked = { member: 0, parent: null, firstRound: 0, since, session } as const;
  const gone = { member: 1, parent: 0, firstRound: 2, since, session: null } as const;
  const fresh = { member: null, parent: null, firstRound: null, since: null } as const;
  return {
    images,
    created: since,
    selection: { roots: [], isTree: true, cgroup: null, skipUntrackable: false },
    nrRounds: 3,
    members: [
      { ...tracked, pid: 12, comm: 'server', state: 'tracked' },
      { ...gone, pid: 13, comm: 'worker', state: 'ended' },
      { ...fresh, pid: 14, comm: 'worker', state: 'new', session: null },
    ],
  };
}

/** What a fake tracker does, and what it was asked for. */
export interface Script {
  rounds?: RoundReport[];
  /** thrown by whatever comes after the rounds */
  error?: unknown;
  stop?: StopReport;
  /** waits for the signal and throws its reason, after the rounds */
  waits?: boolean;
  sessions?: SessionStatus[];
  isTracked?: boolean;
  /** the images are of several processes */
  isTree?: boolean;
  treeStop?: TreeStopReport;
  treeRound?: TreeRoundReport;
}

/** Services without a kernel module, and the calls that they got. */
export function fakeServices(script: Script) {
  const calls: unknown[] = [];
  const { rounds = [], error, stop = stopReport(), sessions = [] } = script;
  const control = ({ pid, images, signal }: TrackerOptions) => ({
    async *rounds(limits: RoundLimits) {
      calls.push(['rounds', pid, images, limits]);
      yield* rounds;
      if (script.waits) await aborted(signal);
      if (error !== undefined) throw error as Error;
    },
    async stop(options: object) {
      calls.push(['stop', pid, images, options]);
      if (script.waits) await aborted(signal);
      if (error !== undefined) throw error as Error;
      return stop;
    },
    [Symbol.asyncDispose]: () => {
      calls.push(['close']);
      return Promise.resolve();
    },
  });
  const treeControl = () => ({
    async *rounds(limits: RoundLimits) {
      calls.push(['rounds', limits]);
      yield script.treeRound ?? treeRoundReport();
      if (error !== undefined) throw error as Error;
      await Promise.resolve();
    },
    stop(options: object) {
      calls.push(['stop', options]);
      return Promise.resolve(script.treeStop ?? treeStopReport());
    },
    [Symbol.asyncDispose]: () => {
      calls.push(['close']);
      return Promise.resolve();
    },
  });
  const services: Services = {
    tracker: () =>
      Promise.resolve({
        async start(options) {
          const { pid, images, allowExternalSharing } = options;
          calls.push(['start', pid, images, { allowExternalSharing }]);
          if (script.waits) await aborted(options.signal);
          if (error !== undefined) throw error as Error;
          return { tracker: control(options), round: rounds[0] ?? roundReport({ round: 0 }) };
        },
        resume: (options) => Promise.resolve(control(options)),
      }),
    isTree: () => Promise.resolve(script.isTree ?? false),
    treeStatus: (images) => Promise.resolve(treeStatus(images)),
    tree: () =>
      Promise.resolve({
        async start({ pids, isTree, cgroup, skipUntrackable, allowExternalSharing }) {
          calls.push(['start', pids, { isTree, cgroup, skipUntrackable, allowExternalSharing }]);
          if (error !== undefined) throw error as Error;
          const round = script.treeRound ?? treeRoundReport({ round: 0 });
          return await Promise.resolve({ tracker: treeControl(), round });
        },
        resume({ pids, images, skipUntrackable }) {
          calls.push(['resume', pids, images, ...(skipUntrackable ? ['skip'] : [])]);
          return Promise.resolve(treeControl());
        },
      }),
    device: () =>
      Promise.resolve({
        sessions: () => sessions,
        status: () => (script.isTracked ? ({} as SessionStatus) : sessions[0]),
        [Symbol.dispose]: () => undefined,
      }),
  };
  return { services, calls };
}

export function sessionStatus(more: Partial<SessionStatus> = {}): SessionStatus {
  return {
    pid: 1,
    holder: 0,
    after: 7n,
    id: '00112233445566778899aabbccddeeff',
    epoch: 3,
    committed: 3,
    nrRegions: 5,
    nrDirty: 17,
    nrPending: 0,
    nrChunks: 1,
    logBytes: 4096,
    backingPages: 256,
    nrSnapshots: 0,
    tree: 1,
    origin: '0'.repeat(32),
    overflow: false,
    ...more,
  };
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) {
    await new Promise((resolve) => {
      signal.addEventListener('abort', resolve, { once: true });
    });
  }
  throw signal.reason as Error;
}
