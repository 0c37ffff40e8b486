// SPDX-License-Identifier: Apache-2.0
#include "remote_values.h"

#include <cstring>

namespace {

Napi::Value SiginfosOf(Napi::Env env, const std::vector<siginfo_t>& infos) {
  Napi::Array array = Napi::Array::New(env, infos.size());
  for (size_t i = 0; i < infos.size(); i++) array[i] = BytesOf(env, &infos[i], sizeof(infos[i]));
  return array;
}

}  // namespace

std::vector<RemoteCall> CallsOf(const Napi::Value& value) {
  const Napi::BigUint64Array table = value.As<Napi::BigUint64Array>();
  std::vector<RemoteCall> calls(table.ElementLength() / kCallStride);
  for (size_t i = 0; i < calls.size(); i++) {
    calls[i].number = table[i * kCallStride];
    for (size_t j = 0; j < 6; j++) calls[i].args[j] = table[i * kCallStride + 1 + j];
  }
  return calls;
}

Napi::Value ResultsOf(Napi::Env env, const std::vector<int64_t>& results) {
  Napi::BigInt64Array array = Napi::BigInt64Array::New(env, results.size());
  for (size_t i = 0; i < results.size(); i++) array[i] = results[i];
  return array;
}

Napi::Value BytesOf(Napi::Env env, const void* bytes, size_t length) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, length);
  if (length > 0) memcpy(array.Data(), bytes, length);
  return array;
}

std::vector<uint8_t> BytesIn(const Napi::Value& value) {
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return std::vector<uint8_t>(array.Data(), array.Data() + array.ByteLength());
}

Napi::Object StateOf(Napi::Env env, const TraceeState& state) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("registers", BytesOf(env, &state.regs, sizeof(state.regs)));
  result.Set("xstate", BytesOf(env, state.xstate.data(), state.xstate.size()));
  result.Set("signalMask", Napi::BigInt::New(env, state.signal_mask));
  result.Set("rseqAddress", static_cast<double>(state.rseq.pointer));
  result.Set("rseqLength", static_cast<double>(state.rseq.size));
  result.Set("rseqSignature", static_cast<double>(state.rseq.signature));
  result.Set("robustList", static_cast<double>(state.robust_list));
  result.Set("robustListLength", static_cast<double>(state.robust_list_length));
  result.Set("hasDispatch", state.has_dispatch);
  result.Set("pending", SiginfosOf(env, state.pending));
  result.Set("sharedPending", SiginfosOf(env, state.shared_pending));
  return result;
}
