import { readFileSync } from 'node:fs';

/** Bit numbers of include/uapi/linux/capability.h. */
const bit = { sysPtrace: 19n, sysAdmin: 21n, checkpointRestore: 40n } as const;

/**
 * Capabilities that tracking needs and a process does not have, in words for a person.
 * @param status content of `/proc/PID/status`
 * @returns e.g. `['CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN)']`, empty if all are there
 */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (number: bigint): boolean => ((effective >> number) & 1n) === 1n;
  const missing: string[] = [];
  if (!has(bit.sysPtrace)) missing.push('CAP_SYS_PTRACE');
  if (!has(bit.checkpointRestore) && !has(bit.sysAdmin))
    missing.push('CAP_CHECKPOINT_RESTORE (or CAP_SYS_ADMIN)');
  return missing;
}

/** {@link missingCapabilities} of this process. */
export function ownMissingCapabilities(proc = '/proc'): string[] {
  return missingCapabilities(readFileSync(`${proc}/self/status`, 'utf8'));
}
