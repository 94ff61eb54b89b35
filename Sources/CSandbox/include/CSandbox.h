// Confines the calling process for good, and starts processes with exactly the descriptors they are given.
#pragma once
#include <stddef.h>
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

// A fork server: a process that has loaded everything a child needs and forks one for each task, which saves the time to
// start a program. It sees no document itself.

// Serves the requests on a SOCK_SEQPACKET socket. Returns only in a child, with the task as text that ends with 0 and
// descriptors 0 to 2 in place; everything else is closed. The server ends when the other end of the socket is closed.
char *docq_serve_forks(int socket);

// Asks for a child with descriptors[0...2] as 0 to 2; its wait status (an int) is written to descriptors[3] at its end.
// Returns 0 and sets *pid and *pidfd, or an errno value. One request at a time.
int docq_request_child(int socket, const void *task, size_t count, const int *descriptors, pid_t *pid, int *pidfd);

// Returns 0 or an errno value. Never hits a later process with the same number.
int docq_signal_child(int pidfd, int signal);
