import { native, type Harvest } from '../native.js';
import { callError } from './call-error.js';
import { Layout } from './layout.js';
import type { Session } from './session.js';

/**
 * What a call has come to for one of several sessions: returns its result, or throws its error. The
 * error of one does not keep the others from theirs.
 */
export type Outcome<T> = () => T;

/** The mappings of several targets. */
export async function layoutsOf(sessions: readonly Session[]): Promise<Outcome<Layout>[]> {
  const hints = sessions.map(({ nrVmas }) => nrVmas + 16);
  const found = await native.layouts(fdsOf(sessions), hints);
  return outcomesOf(found, sessions, 'read the mappings', (bytes, session) => {
    const layout = new Layout(bytes);
    session.nrVmas = layout.length;
    return layout;
  });
}

/** How to harvest a session. */
export interface HarvestWay {
  session: Session;
  /** do not report pages of shared memory: a later one's harvest does */
  isPrivate?: boolean;
}

/** Takes the dirty logs of several sessions, each as `Session.harvest` does. */
export async function harvestsOf(ways: readonly HarvestWay[]): Promise<Outcome<Harvest>[]> {
  const sessions = ways.map(({ session }) => session);
  const flags = ways.map(({ isPrivate = false }) => (isPrivate ? native.harvestPrivate : 0));
  const found = await native.harvests(fdsOf(sessions), flags);
  return outcomesOf(found, sessions, 'harvest the dirty pages', (harvest) => harvest);
}

/** Ranges of a session's target. */
export interface TargetRanges {
  session: Session;
  /** start and end page of each */
  ranges: Float64Array;
}

/** Pages that exist in ranges of several targets, as of `Session.resident`. */
export async function residentsOf(of: readonly TargetRanges[]): Promise<Outcome<Float64Array>[]> {
  const sessions = of.map(({ session }) => session);
  const ranges = of.map((one) => one.ranges);
  const found = await native.residents(fdsOf(sessions), ranges);
  return outcomesOf(found, sessions, 'read the resident pages', (runs) => runs);
}

function fdsOf(sessions: readonly Session[]): number[] {
  return sessions.map(({ fd }) => fd);
}

function outcomesOf<T, R>(
  found: readonly (T | Error)[],
  sessions: readonly Session[],
  doing: string,
  convert: (value: T, session: Session) => R,
): Outcome<R>[] {
  return sessions.map((session, i) => {
    const value = found[i];
    if (value === undefined || value instanceof Error) {
      return () => {
        throw callError(value, `${doing} of pid ${session.pid}`, session.pid);
      };
    }
    const result = convert(value, session);
    return () => result;
  });
}
