import type { Credentials, ThreadRecord } from '../../process/thread-record.js';
import { prctl } from './constants.js';
import { call, int32s, type Step, type Value } from './step.js';

/** SECBIT_NO_SETUID_FIXUP: a change of ids leaves the capabilities alone. */
const noSetuidFixup = 4;
/** _LINUX_CAPABILITY_VERSION_3 */
const capabilityVersion = 0x20080522;
const lastCapability = 40;
const capAmbientRaise = 2;

/** Who a thread is: from all rights, which it has until here, to those that it shall have. */
export function planCredentials({ tid, credentials }: ThreadRecord): Step[] {
  const step = (
    name: 'prctl' | 'setgroups' | 'setresgid' | 'setresuid' | 'capset',
    args: Value[],
  ) => call(name, args, `credentials of thread ${tid}`, { thread: tid });
  const { uids, gids, groups, secureBits, noNewPrivileges } = credentials;
  const steps = [
    step('prctl', [prctl.setSecurebits, noSetuidFixup, 0, 0, 0]),
    step('setgroups', [groups.length, { bytes: int32s(...groups) }]),
    step('setresgid', gids.slice(0, 3)),
    step('setresuid', uids.slice(0, 3)),
    ...bitsMissing(credentials.bounding).map((bit) =>
      step('prctl', [prctl.capBsetDrop, bit, 0, 0, 0]),
    ),
    step('prctl', [prctl.setSecurebits, secureBits, 0, 0, 0]),
    step('capset', [
      { bytes: int32s(capabilityVersion, 0) },
      { bytes: capabilityData(credentials) },
    ]),
    ...bitsIn(credentials.ambient).map((bit) =>
      step('prctl', [prctl.capAmbient, capAmbientRaise, bit, 0, 0]),
    ),
  ];
  if (noNewPrivileges) steps.push(step('prctl', [prctl.setNoNewPrivs, 1, 0, 0, 0]));
  return steps;
}

/** `struct __user_cap_data_struct` twice: the lower and the upper 32 capabilities. */
function capabilityData({ effective, permitted, inheritable }: Credentials): Uint8Array {
  const sets = [effective, permitted, inheritable];
  const half = (shift: bigint) => sets.map((set) => Number(BigInt.asIntN(32, set >> shift)));
  return int32s(...half(0n), ...half(32n));
}

function bitsIn(mask: bigint): number[] {
  const bits = Array.from({ length: lastCapability + 1 }, (_, bit) => bit);
  return bits.filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

function bitsMissing(mask: bigint): number[] {
  return bitsIn(~mask);
}
