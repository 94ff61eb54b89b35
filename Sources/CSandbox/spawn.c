#define _GNU_SOURCE
#include "CSandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

enum { MAX_DESCRIPTORS = 8 };

int docq_spawn(const char *path, char *const argv[], char *const envp[], const int *descriptors, int count,
               pid_t *pid) {
  if (count > MAX_DESCRIPTORS) return EINVAL;
  // Copies above every target number: no dup2 below can overwrite a descriptor that is still needed.
  int copies[MAX_DESCRIPTORS];
  int made = 0;
  int error = 0;
  for (; made < count; made++) {
    copies[made] = fcntl(descriptors[made], F_DUPFD_CLOEXEC, MAX_DESCRIPTORS + 8);
    if (copies[made] < 0) {
      error = errno;
      break;
    }
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  if (!error) {
    error = posix_spawn_file_actions_init(&actions);
    if (!error) {
      for (int i = 0; i < count && !error; i++) error = posix_spawn_file_actions_adddup2(&actions, copies[i], i);
      if (!error) error = posix_spawn_file_actions_addclosefrom_np(&actions, count);
      if (!error) error = posix_spawnattr_init(&attributes);
      if (!error) {
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setflags(
          &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        error = posix_spawn(pid, path, &actions, &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
      }
      posix_spawn_file_actions_destroy(&actions);
    }
  }
  while (made > 0) close(copies[--made]);
  return error;
}
