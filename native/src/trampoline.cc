// SPDX-License-Identifier: Apache-2.0
#include "trampoline.h"

/* A process that is resumed by mistake behind the first instruction runs into int3. */
asm(R"(
  .pushsection .rodata
  .globl tracker_trampoline, tracker_trampoline_end
  .balign 16
tracker_trampoline:
  syscall
  int3
  .balign 16, 0xcc
1:
  mov $247, %eax            /* waitid(P_ALL, 0, rsp, WEXITED | __WALL, NULL) */
  xor %edi, %edi
  xor %esi, %esi
  mov %rsp, %rdx
  mov $0x40000004, %r10d
  xor %r8d, %r8d
  syscall
  cmp $-4, %eax             /* EINTR */
  je 1b
  test %eax, %eax
  js 2f
  cmp %r12d, 16(%rsp)       /* si_pid */
  jne 1b
  mov $1, %eax              /* write(r13, rsp, sizeof(siginfo_t)) */
  mov %r13d, %edi
  mov %rsp, %rsi
  mov $128, %edx
  syscall
  mov $3, %eax              /* close(r13) */
  mov %r13d, %edi
  syscall
  xor %r12d, %r12d
  jmp 1b
2:
  mov $231, %eax            /* exit_group(0) */
  xor %edi, %edi
  syscall
tracker_trampoline_end:
  .popsection
)");
