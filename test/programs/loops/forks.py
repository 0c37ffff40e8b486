# SPDX-License-Identifier: Apache-2.0
# Three children, one of which has a thread, that know what their parent knew. Told a line, each counts on and
# all answer; at the end of its input, the parent collects them.
import os
import sys
import threading
import time

data = {i: str(i) * 10 for i in range(100000)}
children = []


def nap():
    while True:
        time.sleep(0.05)


def serve(factor, questions, answers):
    if factor == 1:
        threading.Thread(target=nap, daemon=True).start()
    total = 0
    while os.read(questions, 1):
        total += sum(len(text) for text in data.values())
        os.write(answers, str(total * factor).encode())
    os._exit(10 + factor)


for factor in range(3):
    question = os.pipe()
    answer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(question[1])
        for _, ask, _ in children:
            os.close(ask)
        serve(factor, question[0], answer[1])
    os.close(question[0])
    os.close(answer[1])
    children.append((pid, question[1], answer[0]))

print("ready", flush=True)
for line in sys.stdin:
    for _, ask, _ in children:
        os.write(ask, b"x")
    print(*[os.read(answer, 100).decode() for _, _, answer in children], flush=True)
for _, ask, _ in children:
    os.close(ask)
print(*[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid, _, _ in children], flush=True)
