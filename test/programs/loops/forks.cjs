// SPDX-License-Identifier: Apache-2.0
// A child that is asked by a channel, and counts.
const { fork } = require('node:child_process');
const { createInterface } = require('node:readline');

if (process.argv[2] === 'child') {
	let nrAsked = 0;
	process.on('message', (message) => {
		nrAsked++;
		process.send(`${message} ${nrAsked} ${process.pid}`);
	});
} else {
	const child = fork(__filename, ['child']);
	const lines = createInterface({ input: process.stdin });
	child.on('message', (answer) => console.log(answer));
	child.on('exit', (code) => process.exit(code + 5));
	lines.on('line', (line) => child.send(line));
	lines.on('close', () => child.disconnect());
	console.log('ready');
}
