// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <errno.h>
#include <linux/tracker.h>
#include <sys/ioctl.h>

#include <string>

#include "errno_error.h"

std::string HexOf(const __u8 (&id)[16]) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (__u8 byte : id) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

namespace {

/** deviceInfo(fd): { abiVersion, nrSessions } */
Napi::Value DeviceInfo(const Napi::CallbackInfo& info) {
  tracker_info args = {};
  if (ioctl(info[0].As<Napi::Number>(), TRACKER_IOC_INFO, &args) < 0)
    return ThrowErrno(info.Env(), errno, "ioctl(TRACKER_IOC_INFO)", "the device");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("abiVersion", args.abi_version);
  result.Set("nrSessions", args.nr_sessions);
  return result;
}

/** sessionOpen(fd, pid, flags, treeFd): { fd, created }; the error has `holder` */
Napi::Value SessionOpen(const Napi::CallbackInfo& info) {
  tracker_session_open args = {};
  args.pid = info[1].As<Napi::Number>();
  args.flags = info[2].As<Napi::Number>();
  args.tree_fd = info[3].IsNumber() ? info[3].As<Napi::Number>().Int32Value() : 0;
  if (ioctl(info[0].As<Napi::Number>(), TRACKER_IOC_SESSION_OPEN, &args) < 0) {
    const int number = errno;
    Napi::Error error = ErrnoError(
        info.Env(), {number, "ioctl(TRACKER_IOC_SESSION_OPEN)", "pid " + std::to_string(args.pid)});
    if (number == EBUSY) error.Set("holder", Napi::Number::New(info.Env(), args.holder));
    error.ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("fd", args.fd);
  result.Set("created", args.created != 0);
  return result;
}

/** status(fd, pid, after: bigint): a session's status; pid 0 takes the first session after `after`
 */
Napi::Value Status(const Napi::CallbackInfo& info) {
  tracker_session_status args = {};
  bool lossless = true;
  args.pid = info[1].As<Napi::Number>();
  args.after = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
  const std::string subject =
      args.pid ? "pid " + std::to_string(args.pid) : "cursor " + std::to_string(args.after);
  if (ioctl(info[0].As<Napi::Number>(), TRACKER_IOC_STATUS, &args) < 0)
    return ThrowErrno(info.Env(), errno, "ioctl(TRACKER_IOC_STATUS)", subject);
  return StatusObject(info.Env(), args);
}

}  // namespace

Napi::Object StatusObject(Napi::Env env, const tracker_session_status& status) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", status.pid);
  object.Set("holder", status.holder);
  object.Set("after", Napi::BigInt::New(env, static_cast<uint64_t>(status.after)));
  object.Set("id", HexOf(status.id));
  object.Set("epoch", static_cast<double>(status.epoch));
  object.Set("committed", static_cast<double>(status.committed));
  object.Set("nrRegions", static_cast<double>(status.nr_regions));
  object.Set("nrDirty", static_cast<double>(status.nr_dirty));
  object.Set("nrPending", static_cast<double>(status.nr_pending));
  object.Set("nrChunks", static_cast<double>(status.nr_chunks));
  object.Set("logBytes", static_cast<double>(status.log_bytes));
  object.Set("backingPages", static_cast<double>(status.backing_pages));
  object.Set("nrSnapshots", status.nr_snapshots);
  object.Set("overflow", status.overflow != 0);
  object.Set("origin", HexOf(status.origin));
  object.Set("tree", static_cast<double>(status.tree));
  return object;
}

void InitDevice(Napi::Env env, Napi::Object exports) {
  exports.Set("abiVersion", Napi::Number::New(env, TRACKER_ABI_VERSION));
  exports.Set("sessionCreate", Napi::Number::New(env, TRACKER_SESSION_CREATE));
  exports.Set("sessionExclusive", Napi::Number::New(env, TRACKER_SESSION_EXCLUSIVE));
  exports.Set("sessionTree", Napi::Number::New(env, TRACKER_SESSION_TREE));
  exports.Set("deviceInfo", Napi::Function::New<DeviceInfo>(env, "deviceInfo"));
  exports.Set("sessionOpen", Napi::Function::New<SessionOpen>(env, "sessionOpen"));
  exports.Set("status", Napi::Function::New<Status>(env, "status"));
}
