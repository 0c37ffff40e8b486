// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

/** Thread ids in /proc/PID/task; 0, or the errno of a process that is gone. */
int ListThreads(pid_t pid, std::vector<pid_t>* tids);

/** The state letter in /proc/TID/stat, 0 when the thread is gone. */
char ThreadState(pid_t tid);

/** True for a thread that runs no more, reaped or not. */
bool HasExited(pid_t tid);

/** Name of the kernel function the thread waits in, empty when it is not known. */
std::string WaitChannel(pid_t tid);

/** A number in /proc/TID/status, e.g. "Tgid" or "TracerPid"; 0 when the thread is gone. */
pid_t StatusNumber(pid_t tid, const char* field);
