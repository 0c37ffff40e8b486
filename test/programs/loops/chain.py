# SPDX-License-Identifier: Apache-2.0
"""A hash chain that a thread computes, while an interval timer interrupts the first one. Each line that it
is told is answered by the number of links, the last one, and how often the timer has gone off. The last
links stay on the heap, in cycles that only the collector finds when they go, and all are checked with each
new one."""

import collections
import hashlib
import signal
import sys
import threading

KEPT = 500


class Link:
    """Knows itself by its neighbour, so that it is garbage in a cycle once it is dropped."""

    def __init__(self, before, digest):
        self.digest = digest
        self.before_digest = before.digest if before else None
        self.me = self


class Chain(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.lock = threading.Lock()
        self.count = 0
        self.links = collections.deque([Link(None, bytes(32))], KEPT)

    def run(self):
        while True:
            with self.lock:
                last = self.links[-1]
                self.links.append(Link(last, hashlib.sha256(last.digest).digest()))
                self.count += 1
                self.check()

    def check(self):
        links = list(self.links)
        for before, link in zip(links, links[1:]):
            is_next = link.digest == hashlib.sha256(before.digest).digest()
            if not is_next or link.before_digest != before.digest or link.me is not link:
                print("a link is wrong", flush=True)

    def say(self):
        with self.lock:
            return f"{self.count} {self.links[-1].digest.hex()}"


ticks = 0


def tick(_signal, _frame):
    global ticks
    ticks += 1


signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
chain = Chain()
chain.start()
print("ready", flush=True)
for _line in sys.stdin:
    print(chain.say(), ticks, flush=True)
# On its way out Python gives signals back, whose default is the end by them.
signal.setitimer(signal.ITIMER_REAL, 0)
