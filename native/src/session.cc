// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <errno.h>
#include <linux/tracker.h>
#include <sys/ioctl.h>

#include <string>
#include <vector>

#include "device.h"
#include "errno_error.h"
#include "session_call.h"

namespace {

int FdOf(const Napi::CallbackInfo& info) { return info[0].As<Napi::Number>(); }

/** sessionStatus(fd) */
Napi::Value SessionStatus(const Napi::CallbackInfo& info) {
  tracker_session_status args = {};
  if (ioctl(FdOf(info), TRACKER_IOC_SESSION_STATUS, &args) < 0)
    return ThrowErrno(info.Env(), errno, "ioctl(TRACKER_IOC_SESSION_STATUS)", "the session");
  return StatusObject(info.Env(), args);
}

Napi::Value EpochCall(const Napi::CallbackInfo& info, unsigned long request, const char* name) {
  tracker_epoch args = {};
  args.epoch = info[1].As<Napi::Number>().Int64Value();
  if (ioctl(FdOf(info), request, &args) < 0)
    return ThrowErrno(info.Env(), errno, name, "epoch " + std::to_string(args.epoch));
  return info.Env().Undefined();
}

/** commit(fd, epoch) */
Napi::Value Commit(const Napi::CallbackInfo& info) {
  return EpochCall(info, TRACKER_IOC_COMMIT, "ioctl(TRACKER_IOC_COMMIT)");
}

/** abort(fd, epoch) */
Napi::Value Abort(const Napi::CallbackInfo& info) {
  return EpochCall(info, TRACKER_IOC_ABORT, "ioctl(TRACKER_IOC_ABORT)");
}

/** regionOpen(fd, region): a read-only fd that the caller closes */
Napi::Value RegionOpen(const Napi::CallbackInfo& info) {
  tracker_region_open args = {};
  args.region = info[1].As<Napi::Number>();
  if (ioctl(FdOf(info), TRACKER_IOC_REGION_OPEN, &args) < 0)
    return ThrowErrno(info.Env(), errno, "ioctl(TRACKER_IOC_REGION_OPEN)",
                      "region " + std::to_string(args.region));
  return Napi::Number::New(info.Env(), args.fd);
}

/** strays(fd): an array of { pid, origin } */
Napi::Value Strays(const Napi::CallbackInfo& info) {
  std::vector<tracker_stray> strays(16);
  for (bool is_all = false; !is_all;) {
    tracker_strays args = {};
    args.strays_addr = reinterpret_cast<uintptr_t>(strays.data());
    args.nr_strays = strays.size();
    if (ioctl(FdOf(info), TRACKER_IOC_STRAYS, &args) < 0)
      return ThrowErrno(info.Env(), errno, "ioctl(TRACKER_IOC_STRAYS)", "the session's tree");
    is_all = args.nr_strays <= strays.size();
    strays.resize(args.nr_strays);
  }
  const Napi::Array result = Napi::Array::New(info.Env(), strays.size());
  for (uint32_t i = 0; i < strays.size(); i++) {
    Napi::Object stray = Napi::Object::New(info.Env());
    stray.Set("pid", strays[i].pid);
    stray.Set("origin", HexOf(strays[i].origin));
    result.Set(i, stray);
  }
  return result;
}

bool IsFloat64Array(const Napi::Value& value) {
  return value.IsTypedArray() &&
         value.As<Napi::TypedArray>().TypedArrayType() == napi_float64_array;
}

/** Makes one call for each of the fds in info[0]; `make` gets the fd and its index. */
template <typename Make>
Napi::Value ForEach(const Napi::CallbackInfo& info, const Make& make) {
  const Napi::Array fds = info[0].As<Napi::Array>();
  SessionCalls calls;
  for (uint32_t i = 0; i < fds.Length(); i++) {
    Napi::HandleScope scope(info.Env());
    calls.push_back(make(fds.Get(i).As<Napi::Number>().Int32Value(), i));
  }
  return StartCalls(info.Env(), std::move(calls));
}

/** layouts(fds, nrVmasHints): Promise of an array of tracker_vma arrays as bytes, or Errors */
Napi::Value Layouts(const Napi::CallbackInfo& info) {
  const Napi::Array hints = info[1].As<Napi::Array>();
  return ForEach(info, [&](int fd, uint32_t i) {
    return MakeLayout(fd, hints.Get(i).As<Napi::Number>().Uint32Value());
  });
}

/** swap(fd, pagePairs: Float64Array, flags, handle): Promise of { nrDone, nrPages } */
Napi::Value Swap(const Napi::CallbackInfo& info) {
  if (!IsFloat64Array(info[1]))
    return ThrowErrno(info.Env(), EINVAL, "swap", "ranges that are no Float64Array");
  return StartCall(info.Env(), MakeSwap(FdOf(info), info[1].As<Napi::Float64Array>(),
                                        info[2].As<Napi::Number>(), info[3]));
}

/** revert(fd, handle): Promise of { nrVmas, nrPages } */
Napi::Value Revert(const Napi::CallbackInfo& info) {
  return StartCall(info.Env(), MakeRevert(FdOf(info), info[1]));
}

/**
 * harvests(fds, flags): Promise of an array of { epoch, nrPages, nrPinned, nrRescans, overflow,
 * runs }, or Errors
 */
Napi::Value Harvests(const Napi::CallbackInfo& info) {
  const Napi::Array flags = info[1].As<Napi::Array>();
  return ForEach(info, [&](int fd, uint32_t i) {
    return MakeHarvest(fd, flags.Get(i).As<Napi::Number>().Uint32Value());
  });
}

/**
 * residents(fds, pagePairs: array of Float64Arrays): Promise of an array of Float64Arrays of index,
 * page, nrPages, flags, or Errors
 */
Napi::Value Residents(const Napi::CallbackInfo& info) {
  const Napi::Array ranges = info[1].As<Napi::Array>();
  return ForEach(info, [&](int fd, uint32_t i) {
    return MakeResident(fd, ranges.Get(i).As<Napi::Float64Array>());
  });
}

/** donors(fd, runs): Promise of an array of { fd, runs: region, page, nrPages, id } */
Napi::Value Donors(const Napi::CallbackInfo& info) {
  if (!IsFloat64Array(info[1]))
    return ThrowErrno(info.Env(), EINVAL, "donors", "runs that are no Float64Array");
  return StartCall(info.Env(), MakeDonors(FdOf(info), info[1].As<Napi::Float64Array>()));
}

/** sharers(fd, startPage): Promise of a Float64Array of pids */
Napi::Value Sharers(const Napi::CallbackInfo& info) {
  return StartCall(info.Env(), MakeSharers(FdOf(info), info[1].As<Napi::Number>()));
}

}  // namespace

void InitSession(Napi::Env env, Napi::Object exports) {
  exports.Set("sessionStatus", Napi::Function::New<SessionStatus>(env, "sessionStatus"));
  exports.Set("commit", Napi::Function::New<Commit>(env, "commit"));
  exports.Set("abort", Napi::Function::New<Abort>(env, "abort"));
  exports.Set("regionOpen", Napi::Function::New<RegionOpen>(env, "regionOpen"));
  exports.Set("layouts", Napi::Function::New<Layouts>(env, "layouts"));
  exports.Set("swap", Napi::Function::New<Swap>(env, "swap"));
  exports.Set("revert", Napi::Function::New<Revert>(env, "revert"));
  exports.Set("harvests", Napi::Function::New<Harvests>(env, "harvests"));
  exports.Set("residents", Napi::Function::New<Residents>(env, "residents"));
  exports.Set("donors", Napi::Function::New<Donors>(env, "donors"));
  exports.Set("strays", Napi::Function::New<Strays>(env, "strays"));
  exports.Set("sharers", Napi::Function::New<Sharers>(env, "sharers"));
  exports.Set("swapShared", Napi::Number::New(env, TRACKER_SWAP_SHARED));
  exports.Set("harvestPrivate", Napi::Number::New(env, TRACKER_HARVEST_PRIVATE));
}
