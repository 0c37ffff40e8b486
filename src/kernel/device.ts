import { closeSync, openSync } from 'node:fs';
import { DeviceError, isSystemError, TargetError } from '../errors.js';
import { native, type SessionStatus } from '../native.js';
import { callError } from './call-error.js';
import { Session } from './session.js';

/** How {@link Device.openSession} treats a session that is, or is not, there. */
export interface OpenSessionOptions {
  /** create one where there is none */
  create?: boolean;
  /** fail where there is one */
  exclusive?: boolean;
  /** a new session is put into this one's tree: what both targets share is kept in common */
  tree?: Session;
}

/** The kernel module, opened and of the right ABI version. */
export class Device implements Disposable {
  #fd: number;

  private constructor(
    fd: number,
    readonly path: string,
  ) {
    this.#fd = fd;
  }

  /**
   * Opens the module's device.
   * @throws DeviceError `MODULE_MISSING`, `NOT_PERMITTED`, `ABI_MISMATCH`, `ADDON_MISSING`
   */
  static open(path = '/dev/tracker'): Device {
    const device = new Device(openDevice(path), path);
    try {
      device.#checkVersion(native.abiVersion);
      return device;
    } catch (error) {
      device.close();
      throw error;
    }
  }

  /** Live sessions of all targets, without looking at each. */
  nrSessions(): number {
    return this.#call('read the module version', 0, (fd) => native.deviceInfo(fd)).nrSessions;
  }

  /** The session of a target, or undefined when it has none. */
  status(pid: number): SessionStatus | undefined {
    return this.#call(`read the status of pid ${pid}`, pid, (fd) => this.#statusAt(fd, pid, 0n));
  }

  /** Every session. */
  sessions(): SessionStatus[] {
    const sessions: SessionStatus[] = [];
    let after = 0n;
    for (;;) {
      const next = this.#call('list the sessions', 0, (fd) => this.#statusAt(fd, 0, after));
      if (next === undefined) return sessions;
      sessions.push(next);
      after = next.after;
    }
  }

  /**
   * Takes control of a target's session.
   * @throws TargetError `NO_SUCH_PROCESS`, `NOT_TRACKED`, `ALREADY_TRACKED`, `CONTROLLER_BUSY`
   *   (`facts.holder` is the other controller), `KERNEL_THREAD`, `NOT_PERMITTED`
   */
  openSession(
    pid: number,
    { create = false, exclusive = false, tree }: OpenSessionOptions = {},
  ): Session {
    const { sessionCreate, sessionExclusive, sessionTree } = native;
    const flags =
      (create ? sessionCreate : 0) | (exclusive ? sessionExclusive : 0) | (tree ? sessionTree : 0);
    return this.#call(`control the session of pid ${pid}`, pid, (fd) => {
      try {
        const opened = native.sessionOpen(fd, pid, flags, tree?.fd);
        return new Session(opened.fd, pid, opened.created);
      } catch (error) {
        throw openError(error, pid) ?? error;
      }
    });
  }

  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #checkVersion(wanted: number): void {
    const { abiVersion } = this.#call('read the module version', 0, (fd) => native.deviceInfo(fd));
    if (abiVersion === wanted) return;
    throw new DeviceError(
      'ABI_MISMATCH',
      `the loaded module speaks ABI version ${abiVersion}, this program version ${wanted}; ` +
        'load the module that was built with this program',
      { facts: { moduleVersion: abiVersion, programVersion: wanted } },
    );
  }

  #statusAt(fd: number, pid: number, after: bigint): SessionStatus | undefined {
    try {
      return native.status(fd, pid, after);
    } catch (error) {
      if (isSystemError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #call<T>(doing: string, pid: number, call: (fd: number) => T): T {
    try {
      if (this.#fd < 0) throw new DeviceError('DEVICE_CLOSED', `${this.path} is closed`);
      return call(this.#fd);
    } catch (error) {
      throw callError(error, doing, pid);
    }
  }
}

function openDevice(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (cause) {
    const code = isSystemError(cause) ? cause.code : '';
    const options = { cause, facts: { path } };
    if (code === 'EACCES' || code === 'EPERM') {
      throw new DeviceError(
        'NOT_PERMITTED',
        `cannot open ${path}: not permitted; run as root, or with CAP_SYS_PTRACE and ` +
          'CAP_CHECKPOINT_RESTORE and access to the device',
        options,
      );
    }
    throw new DeviceError(
      'MODULE_MISSING',
      `cannot open ${path}: the kernel module is not loaded; load the module: modprobe tracker, ` +
        'or insmod tracker.ko from the build',
      options,
    );
  }
}

function openError(error: unknown, pid: number): TargetError | undefined {
  const code = isSystemError(error) ? error.code : '';
  const options = { cause: error, facts: { pid } };
  switch (code) {
    case 'ENOENT':
      return new TargetError(
        'NOT_TRACKED',
        `pid ${pid} is not tracked; begin with tracker start ${pid}`,
        options,
      );
    case 'EEXIST':
      return new TargetError(
        'ALREADY_TRACKED',
        `pid ${pid} is tracked already; go on with tracker iterate ${pid}, or end it with ` +
          `tracker stop ${pid}`,
        options,
      );
    case 'EINVAL':
      return new TargetError(
        'KERNEL_THREAD',
        `pid ${pid} is a kernel thread, which has no memory to track; choose a user process`,
        options,
      );
    default:
      return undefined;
  }
}
