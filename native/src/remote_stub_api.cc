// SPDX-License-Identifier: Apache-2.0
#include "remote_stub_api.h"

#include <errno.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "promise_worker.h"
#include "ptrace.h"
#include "remote_stub.h"
#include "remote_values.h"

namespace {

using Stub = std::shared_ptr<RemoteStub>;

Stub StubIn(const Napi::Value& value) {
  return value.IsExternal() ? *value.As<Napi::External<Stub>>().Data() : nullptr;
}

Napi::Value Throw(Napi::Env env, const ErrnoFailure& failure) {
  return ThrowErrno(env, failure.number, failure.syscall.c_str(), failure.context);
}

std::vector<int> NumbersIn(const Napi::Value& value) {
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int> numbers(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value number = array[i];
    numbers[i] = number.As<Napi::Number>();
  }
  return numbers;
}

/** stubStart({ pid, base, areaBytes, isInNamespace, keptFds }): see native-remote.ts */
Napi::Value Start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object in = info[0].As<Napi::Object>();
  StubOptions options;
  options.pid = in.Get("pid").As<Napi::Number>();
  options.base = static_cast<uint64_t>(in.Get("base").As<Napi::Number>().Int64Value());
  options.area_bytes = static_cast<size_t>(in.Get("areaBytes").As<Napi::Number>().Int64Value());
  options.is_in_namespace = in.Get("isInNamespace").As<Napi::Boolean>();
  options.kept_fds = NumbersIn(in.Get("keptFds"));
  ErrnoFailure failure;
  Stub stub = RemoteStub::Start(options, &failure);
  if (!stub) return Throw(env, failure);

  Napi::Object result = Napi::Object::New(env);
  result.Set("pid", Napi::Number::New(env, stub->pid()));
  result.Set("statusFd", Napi::Number::New(env, stub->TakeStatus()));
  result.Set("reaperFd", Napi::Number::New(env, stub->reaper_fd()));
  /* The area lives as long as anybody can see it. */
  result.Set("area", Napi::ArrayBuffer::New(
                         env, stub->area(), stub->area_bytes(),
                         [](Napi::Env, void*, Stub* owner) { delete owner; }, new Stub(stub)));
  result.Set("handle", Napi::External<Stub>::New(env, new Stub(std::move(stub)),
                                                 [](Napi::Env, Stub* owner) { delete owner; }));
  return result;
}

/** stubCalls(handle, tid, calls): { results: BigInt64Array, children: number[] } */
Napi::Value Calls(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  const pid_t tid = info[1].As<Napi::Number>();
  const std::vector<RemoteCall> calls = CallsOf(info[2]);
  ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
  std::vector<int64_t> results;
  std::vector<pid_t> children;
  bool is_done = false;
  if (stub) stub->OnTracer([&] { is_done = stub->Run(tid, calls, &results, &children, &failure); });
  if (!is_done) return Throw(info.Env(), failure);
  Napi::Array tids = Napi::Array::New(info.Env(), children.size());
  for (size_t i = 0; i < children.size(); i++) tids[i] = Napi::Number::New(info.Env(), children[i]);
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("results", ResultsOf(info.Env(), results));
  result.Set("children", tids);
  return result;
}

class ReadWorker : public PromiseWorker {
 public:
  ReadWorker(Napi::Env env, Stub stub, pid_t tid, int fd, std::vector<tracker::PageRun> runs)
      : PromiseWorker(env), stub_(std::move(stub)), tid_(tid), fd_(fd), runs_(std::move(runs)) {}

 private:
  void Work() override {
    ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
    bool is_done = false;
    if (stub_) stub_->OnTracer([&] { is_done = stub_->ReadPages(tid_, fd_, runs_, &failure); });
    if (!is_done) Fail(failure.number, failure.syscall, failure.context);
  }

  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

  const Stub stub_;
  const pid_t tid_;
  const int fd_;
  const std::vector<tracker::PageRun> runs_;
};

/** stubRead(handle, tid, fd, runs: Float64Array of page, filePage, nrPages): Promise<void> */
Napi::Value Read(const Napi::CallbackInfo& info) {
  const Napi::Float64Array table = info[3].As<Napi::Float64Array>();
  std::vector<tracker::PageRun> runs;
  for (size_t i = 0; i + 2 < table.ElementLength(); i += 3) {
    runs.push_back({static_cast<int64_t>(table[i]), static_cast<int64_t>(table[i + 1]), 0,
                    static_cast<int64_t>(table[i + 2])});
  }
  const pid_t tid = info[1].As<Napi::Number>();
  const int fd = info[2].As<Napi::Number>();
  return (new ReadWorker(info.Env(), StubIn(info[0]), tid, fd, std::move(runs)))->Start();
}

ThreadEnd EndIn(const Napi::Object& in) {
  ThreadEnd end = {};
  end.tid = in.Get("tid").As<Napi::Number>();
  const std::vector<uint8_t> registers = BytesIn(in.Get("registers"));
  memcpy(&end.regs, registers.data(), std::min(registers.size(), sizeof(end.regs)));
  end.xstate = BytesIn(in.Get("xstate"));
  bool is_lossless = false;
  end.signal_mask = in.Get("signalMask").As<Napi::BigInt>().Uint64Value(&is_lossless);
  return end;
}

std::vector<ThreadEnd> EndsIn(const Napi::Value& value) {
  const Napi::Array threads = value.As<Napi::Array>();
  std::vector<ThreadEnd> ends;
  for (uint32_t i = 0; i < threads.Length(); i++) {
    const Napi::Value thread = threads[i];
    ends.push_back(EndIn(thread.As<Napi::Object>()));
  }
  return ends;
}

/** stubHold(handle, threads, stopSignal): see native-remote.ts */
Napi::Value Hold(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  const std::vector<ThreadEnd> ends = EndsIn(info[1]);
  const int stop_signal = info[2].As<Napi::Number>();
  ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
  std::unique_ptr<FrozenProcess> frozen;
  if (stub) stub->OnTracer([&] { frozen = stub->Hold(ends, stop_signal, &failure); });
  return frozen ? FrozenTo(info.Env(), std::move(frozen)) : Throw(info.Env(), failure);
}

/** stubSettle(handle, threads, stopSignal): see native-remote.ts */
Napi::Value Settle(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  const std::vector<ThreadEnd> ends = EndsIn(info[1]);
  const int stop_signal = info[2].As<Napi::Number>();
  ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
  bool is_done = false;
  if (stub) stub->OnTracer([&] { is_done = stub->Settle(ends, stop_signal, &failure); });
  return is_done ? info.Env().Undefined() : Throw(info.Env(), failure);
}

/** stubRelease(handle): see native-remote.ts */
Napi::Value Release(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
  bool is_done = false;
  if (stub) stub->OnTracer([&] { is_done = stub->Release(&failure); });
  return is_done ? info.Env().Undefined() : Throw(info.Env(), failure);
}

/** stubEnd(handle, tid, status): see native-remote.ts */
Napi::Value End(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  const pid_t tid = info[1].As<Napi::Number>();
  const int status = info[2].As<Napi::Number>();
  ErrnoFailure failure = {ESRCH, "ptrace", "a stub that is gone"};
  bool is_done = false;
  if (stub) stub->OnTracer([&] { is_done = stub->End(tid, status, &failure); });
  return is_done ? info.Env().Undefined() : Throw(info.Env(), failure);
}

/** stubKill(handle): ends a stub that has not been let go; a second call does nothing */
Napi::Value Kill(const Napi::CallbackInfo& info) {
  const Stub stub = StubIn(info[0]);
  if (stub) stub->OnTracer([&] { stub->Kill(); });
  return info.Env().Undefined();
}

}  // namespace

void InitRemoteStub(Napi::Env env, Napi::Object exports) {
  exports.Set("stubStart", Napi::Function::New<Start>(env, "stubStart"));
  exports.Set("stubCalls", Napi::Function::New<Calls>(env, "stubCalls"));
  exports.Set("stubRead", Napi::Function::New<Read>(env, "stubRead"));
  exports.Set("stubHold", Napi::Function::New<Hold>(env, "stubHold"));
  exports.Set("stubSettle", Napi::Function::New<Settle>(env, "stubSettle"));
  exports.Set("stubRelease", Napi::Function::New<Release>(env, "stubRelease"));
  exports.Set("stubEnd", Napi::Function::New<End>(env, "stubEnd"));
  exports.Set("stubKill", Napi::Function::New<Kill>(env, "stubKill"));
}
