/* Begins a round in the images directory of argv[2], says so, and never ends it. */
import { ImageDirectory } from '../../../../src/image/index.js';

const directory = await ImageDirectory.open(process.argv[2] ?? '', { write: true });
await directory.beginRound();
process.stdout.write('begun\n');
setInterval(() => directory, 60_000);
