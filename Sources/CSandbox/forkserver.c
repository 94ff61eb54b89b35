#define _GNU_SOURCE
#include "CSandbox.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 4, MAX_TASK = 1 << 16, MAX_CHILDREN = 256 };

struct reply {
  pid_t pid;
  int error;
};

// MARK: - The process that wants something parsed

static int send_message(int socket, void *bytes, size_t count, const int *descriptors, int number) {
  struct iovec part = {bytes, count};
  union {
    char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS)];
    struct cmsghdr align;
  } control;
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (number > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.space;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * number);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * number);
    memcpy(CMSG_DATA(header), descriptors, sizeof(int) * number);
  }
  ssize_t sent;
  do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

// Returns the number of bytes, 0 at the end, or -1; descriptors that came are put into `descriptors`, others are -1.
static ssize_t receive_message(int socket, void *bytes, size_t room, int *descriptors, int number) {
  struct iovec part = {bytes, room};
  union {
    char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS)];
    struct cmsghdr align;
  } control;
  struct msghdr message = {
    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
  for (int i = 0; i < number; i++) descriptors[i] = -1;
  ssize_t received;
  do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  while (received < 0 && errno == EINTR);
  if (received <= 0) return received;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int came = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int i = 0; i < came; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      if (i < number) descriptors[i] = descriptor;
      else close(descriptor);
    }
  }
  return received;
}

int docq_request_child(int socket, const void *task, size_t count, const int *descriptors, pid_t *pid, int *pidfd) {
  if (count > MAX_TASK) return E2BIG;
  int error = send_message(socket, (void *)task, count, descriptors, DESCRIPTORS);
  if (error) return error;
  struct reply reply;
  ssize_t received = receive_message(socket, &reply, sizeof reply, pidfd, 1);
  if (received != sizeof reply) return received < 0 ? errno : EPIPE;
  if (reply.error) return reply.error;
  if (*pidfd < 0) return ECHILD;
  *pid = reply.pid;
  return 0;
}

int docq_signal_child(int pidfd, int signal) {
  return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0 ? 0 : errno;
}

// MARK: - The server

struct child {
  pid_t pid;
  int status;  // where its end is reported
};

static void reap(struct child *children, int *count) {
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    for (int i = 0; i < *count; i++) {
      if (children[i].pid != pid) continue;
      ssize_t ignored = write(children[i].status, &status, sizeof status);
      (void)ignored;
      close(children[i].status);
      children[i] = children[--*count];
      break;
    }
  }
}

char *docq_serve_forks(int socket) {
  static char task[MAX_TASK + 1];
  struct child children[MAX_CHILDREN];
  int count = 0;
  // Nobody may wait any more for how a child ended.
  signal(SIGPIPE, SIG_IGN);
  sigset_t ends, before;
  sigemptyset(&ends);
  sigaddset(&ends, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ends, &before);
  int ended = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
  for (;;) {
    struct pollfd waiting[2] = {{socket, POLLIN, 0}, {ended, POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) _exit(1);
    if (waiting[1].revents) {
      struct signalfd_siginfo info;
      while (read(ended, &info, sizeof info) > 0) {}
      reap(children, &count);
    }
    if (!waiting[0].revents) continue;
    int descriptors[DESCRIPTORS];
    ssize_t length = receive_message(socket, task, MAX_TASK, descriptors, DESCRIPTORS);
    // The process that asks is gone. So will be what works for it: it dies with its parent.
    if (length <= 0) _exit(0);
    task[length] = 0;
    struct reply reply = {0, 0};
    int pidfd = -1;
    if (descriptors[DESCRIPTORS - 1] < 0) reply.error = EBADF;
    else if (count == MAX_CHILDREN) reply.error = EAGAIN;
    else {
      reply.pid = fork();
      if (reply.pid == 0) {
        setpgid(0, 0);
        signal(SIGPIPE, SIG_DFL);
        sigprocmask(SIG_SETMASK, &before, NULL);
        // All of them lie above 2, where the server has its own three.
        for (int i = 0; i < 3; i++) {
          if (dup2(descriptors[i], i) < 0) _exit(1);
        }
        syscall(SYS_close_range, 3u, ~0u, 0u);
        return task;
      }
      if (reply.pid < 0) reply.error = errno;
      else {
        pidfd = (int)syscall(SYS_pidfd_open, reply.pid, 0u);
        if (pidfd < 0) {
          reply.error = errno;
          kill(reply.pid, SIGKILL);
        }
        children[count++] = (struct child){reply.pid, descriptors[DESCRIPTORS - 1]};
        descriptors[DESCRIPTORS - 1] = -1;
      }
    }
    send_message(socket, &reply, sizeof reply, &pidfd, pidfd >= 0 ? 1 : 0);
    if (pidfd >= 0) close(pidfd);
    for (int i = 0; i < DESCRIPTORS; i++) {
      if (descriptors[i] >= 0) close(descriptors[i]);
    }
  }
}
