// SPDX-License-Identifier: Apache-2.0
#include "scheduler_clock.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "unique_fd.h"

namespace {

/** When the calling thread was put onto its CPU, by the scheduler's clock; NaN where not shown. */
double OwnStartMs() {
  UniqueFd fd(open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC));
  char text[1024] = {};
  if (!fd || read(fd.get(), text, sizeof(text) - 1) <= 0) return NAN;
  const char* const field = strstr(text, "se.exec_start");
  const char* const colon = field ? strchr(field, ':') : nullptr;
  return colon ? strtod(colon + 1, nullptr) : NAN;
}

/** From the scheduler's clock of a CPU to CLOCK_MONOTONIC: what is to be added. */
double OffsetMs(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) return NAN;
  /* Off the CPU and onto it again: the start is that of now. */
  usleep(1);
  const double start_ms = OwnStartMs();
  /* After it: what lies between lets a thread wait for longer, never for too short. */
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6 - start_ms;
}

/** schedulerOffsets(cpus): Float64Array of milliseconds; NaN where a CPU's clock cannot be seen */
Napi::Value SchedulerOffsets(const Napi::CallbackInfo& info) {
  const Napi::Int32Array cpus = info[0].As<Napi::Int32Array>();
  std::vector<double> offsets(cpus.ElementLength(), NAN);
  std::vector<int> numbers(cpus.Data(), cpus.Data() + cpus.ElementLength());
  /* A thread of its own: it is bound to each CPU. */
  std::thread([&] {
    for (size_t i = 0; i < numbers.size(); i++)
      if (numbers[i] >= 0 && numbers[i] < CPU_SETSIZE) offsets[i] = OffsetMs(numbers[i]);
  }).join();
  Napi::Float64Array result = Napi::Float64Array::New(info.Env(), offsets.size());
  for (size_t i = 0; i < offsets.size(); i++) result[i] = offsets[i];
  return result;
}

}  // namespace

void InitSchedulerClock(Napi::Env env, Napi::Object exports) {
  exports.Set("schedulerOffsets", Napi::Function::New<SchedulerOffsets>(env, "schedulerOffsets"));
}
