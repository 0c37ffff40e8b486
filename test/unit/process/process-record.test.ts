import { expect } from 'chai';
import { Packr } from 'msgpackr';
import type { Fields } from '../../../src/image/frame.js';
import { encodeProcess, readProcess } from '../../../src/process/process-record.js';
import { processRecord, threadRecord } from '../restore/fixtures.js';

const packr = new Packr({ useRecords: false, variableMapSize: true });

/** The fields of a record as they come out of a file. */
function stored(fields: Fields): Fields {
  return packr.unpack(packr.pack(fields)) as Fields;
}

function fault(change: (fields: Record<string, Fields>) => void): string {
  const fields = stored(encodeProcess(processRecord({}))) as Record<string, Fields>;
  change(fields);
  try {
    readProcess(fields, 'round 0');
  } catch (error) {
    expect(error).to.have.property('code', 'IMAGES_DAMAGED');
    return (error as Error).message;
  }
  return '';
}

describe('readProcess', () => {
  it('reads what was written', () => {
    const file = { path: '/x', size: 1, mtimeNs: 1_700_000_000_000_000_001n, inode: 2 };
    const record = processRecord({
      threads: [threadRecord(), threadRecord({ tid: 13, signalMask: (1n << 64n) - 1n })],
      files: {
        open: [
          { id: 0, kind: 'regular', flags: 1, offset: 4, file },
          { id: 1, kind: 'inherited', flags: 2, what: 'pipe:[1]' },
        ],
        descriptors: [
          { fd: 0, file: 1, closeOnExec: false },
          { fd: 4, file: 0, closeOnExec: true },
        ],
      },
    });
    const read = readProcess(stored(encodeProcess(record)), 'round 0');
    expect(stored(encodeProcess(read))).to.deep.equal(stored(encodeProcess(record)));
    expect(read.identity.limits).to.deep.equal(record.identity.limits);
    expect(read.threads[1]?.signalMask).to.equal((1n << 64n) - 1n);
  });

  it('reads what a member of a tree has besides', () => {
    const record = processRecord({
      files: {
        open: [{ id: 0, kind: 'device', flags: 1, path: '/dev/null', shared: 7 }],
        descriptors: [{ fd: 4, file: 0, closeOnExec: true }],
      },
    });
    const zombie = { pid: 13, processGroup: 12, session: 11, status: 256, name: 'x', startTime: 5 };
    record.identity.zombies = [zombie];
    const read = readProcess(stored(encodeProcess(record)), 'round 0');
    expect(read.identity.zombies).to.deep.equal([zombie]);
    expect(read.files.open[0]?.shared).to.equal(7);
  });

  it('says which field of which part is wrong', () => {
    const message = fault(({ identity }) => ((identity as Fields)['umask'] = -1));
    expect(message).to.contain('round 0, identity').and.to.contain('umask');
  });

  it('refuses registers of another size', () => {
    expect(
      fault((fields) => {
        const [thread] = fields['threads'] as unknown as Fields[];
        if (thread) thread['registers'] = new Uint8Array(215);
      }),
    )
      .to.contain('thread 0')
      .and.to.contain('215 bytes instead of 216');
  });

  it('refuses an open file of a kind that it does not know', () => {
    expect(
      fault(({ files }) => ((files as Fields)['open'] = [{ id: 0, kind: 'toString', flags: 0 }])),
    ).to.contain('unknown kind toString');
  });

  it('refuses a descriptor of an open file that is not there', () => {
    const descriptors = [{ fd: 1, file: 7, closeOnExec: false }];
    expect(fault(({ files }) => ((files as Fields)['descriptors'] = descriptors))).to.contain(
      'descriptor 1 is of open file 7',
    );
  });

  it('refuses threads of which the first is not the process', () => {
    expect(fault(({ identity }) => ((identity as Fields)['pid'] = 99))).to.contain('99');
  });
});
