// Confines the calling process for good, and starts processes with exactly the descriptors they are given.
#pragma once
#include <stdint.h>
#include <sys/types.h>

struct docq_limits {
  uint64_t address_space_bytes;  // on top of what is mapped when the sandbox is entered; 0 = no limit
  uint64_t cpu_seconds;          // 0 = no limit
  uint64_t file_bytes;           // largest file the process may write
  uint64_t open_files;
  int32_t parent_pid;            // the process that has to be alive; 0 = not checked
};

enum docq_protection {
  DOCQ_RESOURCE_LIMITS = 1,
  DOCQ_NO_NEW_PRIVILEGES = 2,
  DOCQ_DIES_WITH_PARENT = 4,
  DOCQ_LANDLOCK = 8,
  DOCQ_SECCOMP = 16,
  DOCQ_NOT_DUMPABLE = 32,
};

// Returns a mask of enum docq_protection: what is in force now. Cannot be undone by the process.
int docq_enter_sandbox(const struct docq_limits *limits);

// Starts `path` in its own process group with default signal handling and `count` descriptors: descriptors[i] becomes
// i, everything else is closed. Returns 0 and sets *pid, or an errno value.
int docq_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count, pid_t *pid);
