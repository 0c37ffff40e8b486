// SPDX-License-Identifier: Apache-2.0
/*
 * A hash chain that a worker computes, with a timer in the first thread. Each line that it is told is
 * answered by the number of links, the last one, and how often the timer has gone off. The last links
 * stay on the worker's heap, in all stages of becoming old, and all are checked with each new one.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const kept = 500;

function next(digest) {
	return createHash('sha256').update(digest).digest();
}

function compute(port) {
	const links = [{ digest: Buffer.alloc(32) }];
	let count = 0;
	port.on('message', () => {
		port.postMessage(`${count} ${links.at(-1).digest.toString('hex')}`);
	});
	const grow = () => {
		const before = links.at(-1);
		links.push({
			before: before.digest,
			digest: next(before.digest),
			noise: `${count}`,
		});
		if (links.length > kept) links.shift();
		count++;
		check(links);
		setImmediate(grow);
	};
	grow();
}

function check(links) {
	for (let i = 1; i < links.length; i++) {
		const { before, digest } = links[i];
		if (!before.equals(links[i - 1].digest) || !digest.equals(next(before)))
			console.log('a link is wrong');
	}
}

async function answer() {
	const worker = new Worker(new URL(import.meta.url));
	let ticks = 0;
	setInterval(() => ticks++, 10);
	await once(worker, 'online');
	console.log('ready');
	for await (const _line of createInterface({ input: process.stdin })) {
		worker.postMessage('say');
		const [said] = await once(worker, 'message');
		console.log(`${said} ${ticks}`);
	}
	process.exit(0);
}

if (isMainThread) await answer();
else compute(parentPort);
