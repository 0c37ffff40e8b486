import { readFileSync } from 'node:fs';
import os from 'node:os';
import { TrackerError } from '../errors.js';
import { missingCapabilities } from '../proc/capabilities.js';

/** One thing that tracking needs. */
export interface CheckResult {
  name: 'node' | 'kernel' | 'rights' | 'ptrace' | 'addon' | 'module';
  isOk: boolean;
  /** what was found */
  found: string;
  /** what to do about it; '' if nothing */
  advice: string;
}

/** The machine that is checked; tests describe one. */
export interface System {
  /** `process.versions.node` */
  nodeVersion: string;
  /** `uname -r` */
  kernelRelease: string;
  /** `x64`, as node calls it */
  arch: string;
  readFile: (path: string) => string;
  /** Throws what the addon's loader throws. */
  loadAddon: () => Promise<void>;
  /** Opens the device and closes it; returns the ABI version, throws as `Device.open` does. */
  probeModule: () => Promise<number>;
}

/** Kernels that the module is built for and tested with. */
export const supportedKernels: readonly string[] = ['6.1', '6.12'];

const minNodeMajor = 20;
const initialUserNamespace = /^\s*0\s+0\s+4294967295\s*$/;
/** of the Yama security module: nobody may attach to anybody */
const yamaNoAttach = '3';

/** Finds out what of tracking works here: everything if each result is ok. */
export async function checkSystem(system: System = thisSystem): Promise<CheckResult[]> {
  return [
    checkNode(system),
    checkKernel(system),
    checkRights(system),
    checkPtrace(system),
    await checkAddon(system),
    await checkModule(system),
  ];
}

function checkNode({ nodeVersion }: System): CheckResult {
  const isOk = parseInt(nodeVersion, 10) >= minNodeMajor;
  return result('node', isOk, nodeVersion, `install Node.js ${minNodeMajor} or newer`);
}

function checkKernel({ kernelRelease, arch }: System): CheckResult {
  const found = `${kernelRelease} ${arch}`;
  const version = /^\d+\.\d+/.exec(kernelRelease)?.[0] ?? '';
  const isOk = arch === 'x64' && supportedKernels.includes(version);
  const advice = `boot Linux ${supportedKernels.join(' or ')} on x86-64: the module is not tested elsewhere`;
  return result('kernel', isOk, found, advice);
}

function checkRights({ readFile }: System): CheckResult {
  const missing = missingCapabilities(readFile('/proc/self/status'));
  if (missing.length > 0) {
    return result('rights', false, `missing: ${missing.join(', ')}`, 'run as root');
  }
  // A new user namespace has every capability, and none of them counts outside of it.
  const isInitial = initialUserNamespace.test(readFile('/proc/self/uid_map'));
  const found = isInitial ? 'capabilities are there' : 'in a user namespace of its own';
  return result('rights', isInitial, found, 'run as root outside of the container');
}

function checkPtrace({ readFile }: System): CheckResult {
  const path = '/proc/sys/kernel/yama/ptrace_scope';
  let scope = '';
  try {
    scope = readFile(path).trim();
  } catch {
    return result('ptrace', true, 'not restricted', '');
  }
  const advice = 'kernel.yama.ptrace_scope=3 stays until the machine boots without it';
  return result('ptrace', scope !== yamaNoAttach, `ptrace_scope is ${scope}`, advice);
}

async function checkAddon({ loadAddon }: System): Promise<CheckResult> {
  try {
    await loadAddon();
    return result('addon', true, 'loaded', '');
  } catch (error) {
    return failure('addon', error);
  }
}

async function checkModule({ probeModule }: System): Promise<CheckResult> {
  try {
    return result('module', true, `loaded, ABI version ${await probeModule()}`, '');
  } catch (error) {
    return failure('module', error);
  }
}

/** Messages of this project end with what to do, behind the last semicolon. */
function failure(name: CheckResult['name'], error: unknown): CheckResult {
  if (!(error instanceof TrackerError)) throw error;
  const [found = '', ...advice] = error.message.split('; ');
  return result(name, false, found, advice.join('; '));
}

function result(
  name: CheckResult['name'],
  isOk: boolean,
  found: string,
  advice: string,
): CheckResult {
  return { name, isOk, found, advice: isOk ? '' : advice };
}

const thisSystem: System = {
  nodeVersion: process.versions.node,
  kernelRelease: os.release(),
  arch: process.arch,
  readFile: (path) => readFileSync(path, 'utf8'),
  loadAddon: async () => {
    (await import('../native.js')).loadNative();
  },
  probeModule: async () => {
    const { Device } = await import('../kernel/device.js');
    Device.open().close();
    return (await import('../native.js')).loadNative().abiVersion;
  },
};
