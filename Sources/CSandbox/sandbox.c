#define _GNU_SOURCE
#include "CSandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define DOCQ_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define DOCQ_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

// MARK: - Resource limits

static int set_limit(int resource, uint64_t value) {
  struct rlimit old;
  if (getrlimit(resource, &old) != 0) return 0;
  rlim_t wanted = (rlim_t)value;
  if (old.rlim_max != RLIM_INFINITY && wanted > old.rlim_max) wanted = old.rlim_max;
  struct rlimit limit = {wanted, wanted};
  return setrlimit(resource, &limit) == 0;
}

static uint64_t mapped_bytes(void) {
  unsigned long pages = 0;
  FILE *file = fopen("/proc/self/statm", "re");
  if (!file) return 0;
  if (fscanf(file, "%lu", &pages) != 1) pages = 0;
  fclose(file);
  return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int limit_resources(const struct docq_limits *limits) {
  int ok = 1;
  if (limits->address_space_bytes) ok &= set_limit(RLIMIT_AS, mapped_bytes() + limits->address_space_bytes);
  if (limits->cpu_seconds) {
    struct rlimit old;
    struct rlimit cpu = {limits->cpu_seconds, limits->cpu_seconds + 1};
    if (getrlimit(RLIMIT_CPU, &old) == 0 && old.rlim_max != RLIM_INFINITY && cpu.rlim_max > old.rlim_max) {
      cpu.rlim_max = old.rlim_max;
      if (cpu.rlim_cur > cpu.rlim_max) cpu.rlim_cur = cpu.rlim_max;
    }
    ok &= setrlimit(RLIMIT_CPU, &cpu) == 0;
  }
  ok &= set_limit(RLIMIT_FSIZE, limits->file_bytes);
  ok &= set_limit(RLIMIT_NOFILE, limits->open_files);
  ok &= set_limit(RLIMIT_CORE, 0);
  ok &= set_limit(RLIMIT_NPROC, 0);
  return ok;
}

// MARK: - Landlock: reading only below a few folders, writing nowhere

#ifndef __NR_landlock_create_ruleset
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule 445
#define __NR_landlock_restrict_self 446
#endif

// The kernel's structures, spelled out because older headers lack them (Documentation/userspace-api/landlock.rst).
struct ruleset_attributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
struct path_attributes {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));

enum { LANDLOCK_READ_FILE = 1 << 2, LANDLOCK_READ_DIR = 1 << 3 };

static int enter_landlock(void) {
  long version = syscall(__NR_landlock_create_ruleset, NULL, (size_t)0, 1u /* version */);
  if (version < 1) return 0;
  struct ruleset_attributes attributes = {0};
  attributes.handled_access_fs = (1u << 13) - 1;                    // version 1
  if (version >= 2) attributes.handled_access_fs |= 1u << 13;       // refer
  if (version >= 3) attributes.handled_access_fs |= 1u << 14;       // truncate
  if (version >= 5) attributes.handled_access_fs |= 1u << 15;       // device ioctl
  if (version >= 4) attributes.handled_access_net = 3;              // TCP bind and connect
  if (version >= 6) attributes.scoped = 3;                          // abstract sockets, signals
  size_t size = version >= 6 ? sizeof attributes : version >= 4 ? 16 : 8;
  int ruleset = (int)syscall(__NR_landlock_create_ruleset, &attributes, size, 0u);
  if (ruleset < 0) return 0;
  static const char *const readable[] = {"/usr/share", "/usr/lib", "/usr/local/share/fonts", "/etc/fonts",
                                         "/var/cache/fontconfig"};
  for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
    struct path_attributes path = {LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
                                   open(readable[i], O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (path.parent_fd < 0) continue;
    syscall(__NR_landlock_add_rule, ruleset, 1 /* path beneath */, &path, 0u);
    close(path.parent_fd);
  }
  int ok = syscall(__NR_landlock_restrict_self, ruleset, 0u) == 0;
  close(ruleset);
  return ok;
}

// MARK: - seccomp: system calls that a parser has no business with

#ifdef DOCQ_AUDIT_ARCH
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define REFUSE(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
// The six macros below expect the call number in the accumulator and leave it there when they do not return.
#define DENY(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), REFUSE(EPERM)
#define UNKNOWN(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 1), REFUSE(ENOSYS)
#define NEEDS_NO_BITS(name, argument, bits)                                                             \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), LOAD(args[argument]),                         \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1), REFUSE(EPERM), ALLOW
#define NEEDS_BITS(name, argument, bits)                                                                \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), LOAD(args[argument]),                         \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), REFUSE(EPERM), ALLOW
#define NEEDS_VALUE(name, argument, value)                                                              \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##name, 0, 4), LOAD(args[argument]),                         \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0), REFUSE(EPERM), ALLOW
#define WRITE_BITS (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND)
#endif

#ifndef __NR_openat2
#define __NR_openat2 437
#endif
#ifndef __NR_pidfd_getfd
#define __NR_pidfd_getfd 438
#endif
#ifndef __NR_faccessat2
#define __NR_faccessat2 439
#endif

static int enter_seccomp(void) {
#ifdef DOCQ_AUDIT_ARCH
  const unsigned self = (unsigned)getpid();
  struct sock_filter program[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DOCQ_AUDIT_ARCH, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    LOAD(nr),
#if defined(__x86_64__)
    // The x32 numbers would go round every rule below.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
    REFUSE(ENOSYS),
#endif
    NEEDS_NO_BITS(openat, 2, WRITE_BITS),
    UNKNOWN(openat2),
    UNKNOWN(clone3),
    NEEDS_BITS(clone, 0, CLONE_THREAD),
    NEEDS_VALUE(kill, 0, self),
    NEEDS_VALUE(tgkill, 0, self),
#if defined(__x86_64__)
    NEEDS_NO_BITS(open, 1, WRITE_BITS),
    DENY(creat), DENY(fork), DENY(vfork), DENY(unlink), DENY(rename), DENY(mkdir), DENY(rmdir), DENY(link),
    DENY(symlink), DENY(chmod), DENY(chown), DENY(lchown), DENY(mknod), DENY(utime), DENY(utimes),
    DENY(renameat), DENY(ioperm), DENY(iopl),
#endif
    // Network
    DENY(socket), DENY(socketpair), DENY(connect), DENY(bind), DENY(listen), DENY(accept), DENY(accept4),
    DENY(sendto), DENY(sendmsg), DENY(sendmmsg), DENY(recvfrom), DENY(recvmsg), DENY(recvmmsg),
    // Other processes
    DENY(execve), DENY(execveat), DENY(ptrace), DENY(process_vm_readv), DENY(process_vm_writev), DENY(tkill),
    DENY(rt_sigqueueinfo), DENY(rt_tgsigqueueinfo), DENY(pidfd_open), DENY(pidfd_send_signal), DENY(pidfd_getfd),
    DENY(prlimit64), DENY(setpriority), DENY(kcmp),
    // Files
    DENY(unlinkat), DENY(renameat2), DENY(mkdirat), DENY(linkat), DENY(symlinkat), DENY(mknodat), DENY(fchmod),
    DENY(fchmodat), DENY(fchown), DENY(fchownat), DENY(truncate), DENY(ftruncate), DENY(utimensat), DENY(setxattr),
    DENY(lsetxattr), DENY(fsetxattr), DENY(removexattr), DENY(fallocate), DENY(memfd_create),
    // The system
    DENY(mount), DENY(umount2), DENY(pivot_root), DENY(chroot), DENY(unshare), DENY(setns), DENY(bpf),
    DENY(perf_event_open), DENY(userfaultfd), DENY(keyctl), DENY(add_key), DENY(request_key), DENY(io_uring_setup),
    DENY(io_uring_enter), DENY(io_uring_register), DENY(init_module), DENY(finit_module), DENY(kexec_load),
    DENY(reboot), DENY(swapon), DENY(sethostname), DENY(shmget), DENY(shmat), DENY(msgget), DENY(semget),
    DENY(mq_open), DENY(setuid), DENY(setgid), DENY(setresuid), DENY(setresgid), DENY(name_to_handle_at),
    DENY(open_by_handle_at),
    ALLOW,
  };
  struct sock_fprog filter = {sizeof program / sizeof *program, program};
  if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0) return 1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
#else
  return 0;
#endif
}

// MARK: - Entry

int docq_enter_sandbox(const struct docq_limits *limits) {
  int active = 0;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0) {
    // The parent may have died before the line above took effect.
    if (limits->parent_pid && getppid() != limits->parent_pid) _exit(1);
    active |= DOCQ_DIES_WITH_PARENT;
  }
  if (limit_resources(limits)) active |= DOCQ_RESOURCE_LIMITS;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0) active |= DOCQ_NOT_DUMPABLE;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
    active |= DOCQ_NO_NEW_PRIVILEGES;
    if (enter_landlock()) active |= DOCQ_LANDLOCK;
    if (enter_seccomp()) active |= DOCQ_SECCOMP;
  }
  return active;
}
