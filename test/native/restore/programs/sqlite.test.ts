import { expect } from 'chai';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { loopSource } from '../../../support/chain.js';
import { Program } from '../../../support/programs.js';
import {
  dumpAndRestore,
  dumpProgram,
  ImagesDirectory,
  restoreProgram,
} from '../../../support/restored.js';

const python = '/usr/bin/python3';
const sum = 1_000_000;

const query = `
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
answers = ["SELECT count FROM moves", "SELECT sum(balance) FROM accounts", "PRAGMA integrity_check"]
print(*(database.execute(answer).fetchone()[0] for answer in answers))
`;

/** What another process finds in the database: moves, the sum of all accounts, and whether it is whole. */
function look(database: string): string {
  return execFileSync(python, ['-c', query, database], { encoding: 'utf8' }).trim();
}

async function startLedger(images: ImagesDirectory, mode: string) {
  const database = path.join(images.directory, 'database');
  const program = await Program.startCommand(python, loopSource('ledger.py'), database, mode);
  const [moves = '0'] = (await program.ask('go on')).split(' ');
  return { program, database, moves: Number(moves) };
}

describe('restore of a program in an SQLite transaction', function () {
  this.timeout(240_000);

  // One has a journal, the other its index in a file that is mapped shared.
  for (const mode of ['delete', 'wal']) {
    it(`commits it, with journal mode ${mode}`, async () => {
      using images = new ImagesDirectory();
      const { program, database, moves } = await startLedger(images, mode);
      using restored = await dumpAndRestore(program, images.path);
      const [before = '', total] = (await restored.ask('go on', 60_000)).split(' ');
      expect(Number(before)).to.be.above(moves);
      expect(total).to.equal(String(sum));
      const [after = '', committed] = (await restored.ask('commit', 60_000)).split(' ');
      expect(Number(after)).to.be.above(Number(before));
      expect(committed).to.equal(String(sum));
      expect(await restored.exit).to.deep.equal({ code: 0, signal: null });
      expect(look(database)).to.equal(`${after} ${sum} ok`);
    });

    it(`rolls it back, with journal mode ${mode}`, async () => {
      using images = new ImagesDirectory();
      const { program, database } = await startLedger(images, mode);
      using restored = await dumpAndRestore(program, images.path);
      expect(await restored.ask('rollback', 60_000)).to.equal(`0 ${sum}`);
      expect(await restored.exit).to.deep.equal({ code: 0, signal: null });
      expect(look(database)).to.equal(`0 ${sum} ok`);
    });
  }

  it('is refused once another process has rolled the transaction back', async () => {
    using images = new ImagesDirectory();
    const { program, database } = await startLedger(images, 'delete');
    await dumpProgram(program, images.path);
    await program.exit;
    expect(look(database)).to.equal(`0 ${sum} ok`);
    using restored = await restoreProgram(program.pid, images.path);
    expect(await restored.exit).to.deep.equal({ code: 1, signal: null });
    expect(look(database)).to.equal(`0 ${sum} ok`);
  });
});
