// SPDX-License-Identifier: Apache-2.0
#include "fallback_frame.h"

#include <cpuid.h>
#include <errno.h>
#include <sys/uio.h>
#include <ucontext.h>

#include <cstring>
#include <string>

namespace {

/* As in asm/sigcontext.h and asm/ucontext.h, which do not go together with the C library's. */
constexpr uint32_t kXstateMagic1 = 0x46505853;
constexpr uint32_t kXstateMagic2 = 0x46505845;
constexpr unsigned long kStrictContext = 1 | 2 | 4;
/** Where an XSAVE area says what it has: for the kernel in a frame, and for the processor. */
constexpr size_t kSoftwareOffset = 464;
constexpr size_t kHeaderOffset = 512;
/** Of a stack that the kernel does not take: the thread keeps the one it has. */
constexpr int kNoStack = 0x7;
constexpr int kTileData = 18;

struct SoftwareBytes {
  uint32_t magic1, extended_size;
  uint64_t features;
  uint32_t size, padding[7];
};

/** The area without tile data, which few threads have, and without which it has to be shorter. */
void CutTileData(std::vector<uint8_t>* xstate) {
  uint64_t present = 0;
  memcpy(&present, xstate->data() + kHeaderOffset, sizeof(present));
  unsigned int size = 0, offset = 0, c = 0, d = 0;
  if (present >> kTileData & 1 || !__get_cpuid_count(0xd, kTileData, &size, &offset, &c, &d) ||
      size == 0)
    return;
  if (xstate->size() > offset) xstate->resize(offset);
}

/** An XSAVE area as a signal frame has it; one of a processor without XSAVE stays as it is. */
std::vector<uint8_t> FrameXstate(std::vector<uint8_t> xstate) {
  if (xstate.size() <= kHeaderOffset) return xstate;
  SoftwareBytes software = {};
  memcpy(&software.features, xstate.data() + kSoftwareOffset, sizeof(software.features));
  CutTileData(&xstate);
  software.magic1 = kXstateMagic1;
  software.size = static_cast<uint32_t>(xstate.size());
  software.extended_size = software.size + sizeof(kXstateMagic2);
  memcpy(xstate.data() + kSoftwareOffset, &software, sizeof(software));
  xstate.resize(software.extended_size);
  memcpy(xstate.data() + software.size, &kXstateMagic2, sizeof(kXstateMagic2));
  return xstate;
}

/** Those from which an interrupted call is made anew, a sleep with the time that was left. */
user_regs_struct RestartedRegs(user_regs_struct regs) {
  constexpr long kRestartBlock = -516;
  const long result = static_cast<long>(regs.rax);
  const bool is_interrupted =
      (result <= -512 && result >= -514) || result == kRestartBlock; /* -ERESTART... */
  if (static_cast<long>(regs.orig_rax) < 0 || !is_interrupted) return regs;
  if (result == kRestartBlock && regs.orig_rax == 35 && regs.rsi) regs.rdi = regs.rsi;
  if (result == kRestartBlock && regs.orig_rax == 230 && regs.r10) regs.rdx = regs.r10;
  regs.rax = regs.orig_rax;
  regs.rip -= 2;
  return regs;
}

void SetContext(const user_regs_struct& regs, greg_t* gregs) {
  const unsigned long long values[] = {
      regs.r8,  regs.r9,  regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15, regs.rdi,
      regs.rsi, regs.rbp, regs.rbx, regs.rdx, regs.rax, regs.rcx, regs.rsp, regs.rip, regs.eflags,
  };
  static_assert(REG_R8 == 0 && REG_RDI == 8 && REG_RSP == 15 && REG_EFL == 17);
  for (size_t i = 0; i <= REG_EFL; i++) gregs[i] = static_cast<greg_t>(values[i]);
  gregs[REG_CSGSFS] = static_cast<greg_t>(regs.cs | regs.ss << 48);
}

}  // namespace

bool WriteFallbackFrame(pid_t pid, uint64_t frame, const FallbackState& state,
                        ErrnoFailure* failure) {
  std::vector<uint8_t> xstate = FrameXstate(state.xstate);
  const uint64_t xstate_address = frame + 1024;
  ucontext_t context = {};
  context.uc_flags = kStrictContext;
  context.uc_stack.ss_flags = kNoStack;
  SetContext(RestartedRegs(state.regs), context.uc_mcontext.gregs);
  context.uc_mcontext.fpregs = reinterpret_cast<fpregset_t>(xstate_address);
  memcpy(&context.uc_sigmask, &state.signal_mask, sizeof(state.signal_mask));
  iovec from[] = {{&context, offsetof(ucontext_t, uc_sigmask) + sizeof(state.signal_mask)},
                  {xstate.data(), xstate.size()}};
  iovec to[] = {{reinterpret_cast<void*>(frame), from[0].iov_len},
                {reinterpret_cast<void*>(xstate_address), xstate.size()}};
  const auto length = static_cast<ssize_t>(from[0].iov_len + xstate.size());
  if (process_vm_writev(pid, from, 2, to, 2, 0) == length) return true;
  *failure = {errno, "process_vm_writev", "process " + std::to_string(pid)};
  return false;
}
