/*
 * Runs a command of bgjob and kills one of its processes at one of its system calls, just before or just after it: the
 * launcher, the supervisor, an adopter, the shim, … Linux only (ptrace).
 *
 *     stopper HOME REPORT ROLE [PLAN…] -- COMMAND…
 *
 * ROLE: what COMMAND is (launcher, waiter, gc, …). PLAN: `role call path n before` or `… after`, one kill after the other.
 * `=` in front of a point: a process that comes there before its turn stands there until the kills before it are done.
 * `?` in front of a point: the process is not killed but stands there; the plan goes on when somebody else has killed it.
 * REPORT: `call PID role call path n` for each call that publishes something, `hit PID role call path n when` for each kill. A path
 * below HOME is written without it and with every number as `N`; other paths do not count. After the last kill everybody else
 * runs on untraced. Ends when nothing is traced any more and COMMAND has ended, with its exit code.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 4096, COUNTS = 4096, TEXT = 600 };

/* A traced thread; those of a process share its role. */
struct task {
  pid_t tid, tgid;
  char role[24];
  int forks;        /* how many children it made: the shim's first is the watcher, its second the job, and so on */
  char call[TEXT];  /* the publishing call it is in; empty: none, or not one of ours */
  int n;            /* its which it is */
  const char *waits; /* the point of the plan at which it stands before its turn; NULL: none */
};

static struct task tasks[TASKS];
static int taskCount;
static struct { char key[TEXT + 32]; int n; } counts[COUNTS];
static int countCount;
static const char *home;
static FILE *report;
static char **plan;
static int planned, done, leaving;
static pid_t root, standing;
static int rootStatus;

static struct task *find(pid_t tid) {
  for (int i = 0; i < taskCount; i++)
    if (tasks[i].tid == tid) return &tasks[i];
  return NULL;
}

static pid_t numberOf(pid_t tid, const char *field) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", tid);
  FILE *status = fopen(path, "r");
  long value = 0;
  while (status && fgets(line, sizeof line, status))
    if (!strncmp(line, field, strlen(field))) value = atol(line + strlen(field));
  if (status) fclose(status);
  return (pid_t)value;
}

static struct task *add(pid_t tid, struct task *parent) {
  struct task *one = find(tid);
  if (!one) {
    if (taskCount == TASKS) { fprintf(stderr, "stopper: too many tasks\n"); exit(2); }
    one = &tasks[taskCount++];
  }
  memset(one, 0, sizeof *one);
  one->tid = tid;
  one->tgid = numberOf(tid, "Tgid:");
  if (!parent) return one;
  strcpy(one->role, parent->role);
  if (one->tgid == parent->tgid) return one;
  /* forked, not yet another program; the shim's children say by their order what they are */
  struct task *leader = find(parent->tgid);
  int nth = ++(leader ? leader : parent)->forks;
  if (!strcmp(parent->role, "shim")) strcpy(one->role, nth % 2 == 1 ? "watcher" : "job");
  else if (!strcmp(parent->role, "job") || !strcmp(parent->role, "child")) strcpy(one->role, "child");
  else if (!strstr(parent->role, "'s fork")) snprintf(one->role, sizeof one->role, "%.14s's fork", parent->role);
  return one;
}

static void drop(pid_t tid) {
  struct task *one = find(tid);
  if (one) *one = tasks[--taskCount];
}

/* What a program is, once it is one. */
static void nameRole(struct task *one) {
  char path[64], text[8192];
  snprintf(path, sizeof path, "/proc/%d/cmdline", one->tgid);
  int fd = open(path, O_RDONLY);
  ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (got <= 0) return;
  text[got] = 0;
  const char *last = "", *words[3] = {"", "", ""};
  int n = 0;
  for (char *word = text; word < text + got; word += strlen(word) + 1, n++) {
    last = word;
    if (n < 3) words[n] = word;
  }
  const char *program = strrchr(words[0], '/') ? strrchr(words[0], '/') + 1 : words[0];
  /* the shell that starts a keeper again has the title of its queue, and the keeper itself none yet */
  if (!strcmp(last, "--hook")) strcpy(one->role, "hook");
  else if (!strncmp(text, "bgjob[", 6)) strcpy(one->role, strcmp(words[1], "-c") ? "supervisor" : "keeper shell");
  else if (!strcmp(last, "--keep") && strstr(words[1], "supervisor.js")) strcpy(one->role, "keeper");
  else if (!strcmp(last, "--adopt") && strstr(words[1], "supervisor.js")) strcpy(one->role, "adopter");
  else if (!strstr(one->role, "'s fork")) return;
  else if (strstr(words[2], "BGJOB_ENV_S")) strcpy(one->role, "shim");
  else if (!strncmp(words[2], "trap ''", 7)) strcpy(one->role, "watcher");
  else snprintf(one->role, sizeof one->role, "%.20s", program);
}

/* Numbers become N; in some folders a file has a name of its own in every home: those are told by their folder. */
static void normalize(const char *path, char *out) {
  size_t length = strlen(home), used = 0;
  out[0] = 0;
  if (strncmp(path, home, length) || path[length] != '/') return;
  path += length + 1;
  const char *folders[] = {"ended/", "trash/", "cache/", "names/"};
  for (int i = 0; i < 4; i++) {
    if (strncmp(path, folders[i], 6)) continue;
    const char *claim = i == 3 ? strstr(path, "/claim.") : NULL;
    snprintf(out, TEXT, "%s*%s", folders[i], !claim ? "" : strstr(claim, ".tmp") ? "/claim.N.tmp" : "/claim.N");
    return;
  }
  /* in a queue: markers are told by their folder, keepers without their sandbox */
  const char *end = path + strlen(path);
  if (!strncmp(path, "queues/", 7)) {
    const char *third = strchr(path + 7, '/');
    const char *fourth = third ? strchr(third + 1, '/') : NULL;
    if (fourth) end = fourth + 1;
    else if (third && (!strncmp(third, "/keeper.", 8) || !strncmp(third, "/kept.", 6))) end = strchr(third, '.') + 1;
  }
  const char *rest = end;
  /* the rounds of a project: its folder is named after a path that differs in every lane */
  if (!strncmp(path, "rounds/", 7) && strncmp(path + 7, "since", 5)) {
    const char *below = strchr(path + 7, '/');
    used = (size_t)snprintf(out, TEXT, "rounds/*");
    path = below ? below : end;
  }
  for (; path < end && used < TEXT - 2; path++) {
    int digit = *path >= '0' && *path <= '9';
    if (digit && used && out[used - 1] == 'N') continue;
    out[used++] = digit ? 'N' : *path;
  }
  if (*rest) out[used++] = '*';
  out[used] = 0;
}

static void readText(pid_t tid, unsigned long address, char *out, size_t size) {
  size_t done = 0;
  while (done < size - 1) {
    /* to the end of the page: the next one may not be there */
    size_t part = 4096 - ((address + done) & 4095);
    if (part > size - 1 - done) part = size - 1 - done;
    struct iovec here = {out + done, part}, there = {(void *)(address + done), part};
    ssize_t got = process_vm_readv(tid, &here, 1, &there, 1, 0);
    if (got <= 0) break;
    if (memchr(out + done, 0, (size_t)got)) return;
    done += (size_t)got;
  }
  out[done] = 0;
}

static void pathOf(pid_t tid, long dir, unsigned long address, char *out) {
  char text[TEXT], full[2 * TEXT], link[64], base[TEXT];
  readText(tid, address, text, sizeof text);
  if (text[0] != '/') {
    if ((int)dir == AT_FDCWD) snprintf(link, sizeof link, "/proc/%d/cwd", tid);
    else snprintf(link, sizeof link, "/proc/%d/fd/%d", tid, (int)dir);
    ssize_t got = readlink(link, base, sizeof base - 1);
    base[got < 0 ? 0 : got] = 0;
    snprintf(full, sizeof full, "%s/%s", base, text);
    normalize(full, out);
  } else normalize(text, out);
}

static void pathOfFd(pid_t tid, long fd, char *out) {
  char link[64], target[TEXT];
  snprintf(link, sizeof link, "/proc/%d/fd/%ld", tid, fd);
  ssize_t got = readlink(link, target, sizeof target - 1);
  target[got < 0 ? 0 : got] = 0;
  normalize(target, out);
  if (out[0]) return;
  if (!strncmp(target, "socket:", 7)) strcpy(out, "socket");
  else if (fd == 1) strcpy(out, "stdout");
}

/* The name of a call that publishes something, and on what; empty: it is none. */
static void classify(struct task *one, const struct __ptrace_syscall_info *info, char *call) {
  const __uint64_t *a = info->entry.args;
  const char *name = NULL;
  char path[TEXT] = "";
  pid_t tid = one->tid;
  switch (info->entry.nr) {
#ifdef SYS_open
    case SYS_open: if (a[1] & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) name = "open", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_mkdir: name = "mkdir", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_rmdir: name = "rmdir", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_unlink: name = "unlink", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_rename: name = "rename", pathOf(tid, AT_FDCWD, a[1], path); break;
    case SYS_link: name = "link", pathOf(tid, AT_FDCWD, a[1], path); break;
    case SYS_symlink: name = "symlink", pathOf(tid, AT_FDCWD, a[1], path); break;
    case SYS_chmod: name = "chmod", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_mknod: name = "mknod", pathOf(tid, AT_FDCWD, a[0], path); break;
    case SYS_fork: case SYS_vfork: name = "fork", strcpy(path, "-"); break;
#endif
    case SYS_openat: if (a[2] & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) name = "open", pathOf(tid, (long)a[0], a[1], path); break;
    case SYS_mkdirat: name = "mkdir", pathOf(tid, (long)a[0], a[1], path); break;
    case SYS_unlinkat: name = a[2] & AT_REMOVEDIR ? "rmdir" : "unlink", pathOf(tid, (long)a[0], a[1], path); break;
    case SYS_renameat2: name = "rename", pathOf(tid, (long)a[2], a[3], path); break;
    case SYS_linkat: name = "link", pathOf(tid, (long)a[2], a[3], path); break;
    case SYS_symlinkat: name = "symlink", pathOf(tid, (long)a[1], a[2], path); break;
    case SYS_fchmodat: name = "chmod", pathOf(tid, (long)a[0], a[1], path); break;
    case SYS_mknodat: name = "mknod", pathOf(tid, (long)a[0], a[1], path); break;
    case SYS_write: case SYS_pwrite64: case SYS_writev: name = "write", pathOfFd(tid, (long)a[0], path); break;
    case SYS_fsync: case SYS_fdatasync: name = "fsync", pathOfFd(tid, (long)a[0], path); break;
    case SYS_fchmod: name = "chmod", pathOfFd(tid, (long)a[0], path); break;
    case SYS_ftruncate: name = "truncate", pathOfFd(tid, (long)a[0], path); break;
    case SYS_fallocate: name = "fallocate", pathOfFd(tid, (long)a[0], path); break;
    case SYS_close: name = "close", pathOfFd(tid, (long)a[0], path); if (strcmp(path, "jobs/N/alive")) path[0] = 0; break;
    case SYS_kill: name = "kill", snprintf(path, sizeof path, "SIG%s", sigabbrev_np((int)a[1]) ? sigabbrev_np((int)a[1]) : "0"); break;
    case SYS_clone: if (!(a[0] & CLONE_THREAD)) name = "fork", strcpy(path, "-"); break;
    case SYS_clone3: {
      struct clone_args args = {0};
      struct iovec here = {&args, 8}, there = {(void *)a[0], 8};
      process_vm_readv(tid, &here, 1, &there, 1, 0);
      if (!(args.flags & CLONE_THREAD)) name = "fork", strcpy(path, "-");
      break;
    }
    case SYS_execve: {
      char text[TEXT];
      readText(tid, a[0], text, sizeof text);
      /* a search along PATH is none */
      if (access(text, X_OK) == 0) name = "exec";
      snprintf(path, sizeof path, "%.80s", strrchr(text, '/') ? strrchr(text, '/') + 1 : text);
      break;
    }
    case SYS_exit_group: name = "exit", strcpy(path, "-"); break;
  }
  if (name && path[0]) snprintf(call, TEXT, "%s %s", name, path);
  else call[0] = 0;
}

/* Which time it is that this role makes this call. */
static int countOf(const char *role, const char *call) {
  char key[TEXT + 32];
  snprintf(key, sizeof key, "%s %s", role, call);
  for (int i = 0; i < countCount; i++)
    if (!strcmp(counts[i].key, key)) return ++counts[i].n;
  if (countCount == COUNTS) { fprintf(stderr, "stopper: too many calls\n"); exit(2); }
  strcpy(counts[countCount].key, key);
  return counts[countCount++].n = 1;
}

/* A point without its marks. */
static const char *bare(const char *point) { return point + strspn(point, "=?"); }

static int hasMark(const char *point, char mark) {
  const char *found = strchr(point, mark);
  return found && found < bare(point);
}

/* The process stands at a point: this thread is not resumed, and no other one of it runs on. */
static void stand(struct task *one) { kill(one->tgid, SIGSTOP); }

static void finishStrike(void);

/* Does the next kill of the plan, at which this process is. */
static void strikeAt(struct task *one) {
  const char *point = plan[done];
  fprintf(report, "hit %d %s\n", one->tgid, bare(point));
  fflush(report);
  if (hasMark(point, '?')) {
    stand(one);
    standing = one->tid;
    return;
  }
  kill(one->tgid, SIGKILL);
  finishStrike();
}

/* The next point of the plan is due; somebody may stand there already. */
static void finishStrike(void) {
  if (++done == planned) {
    leaving = 1;
    return;
  }
  for (int i = 0; i < taskCount; i++)
    if (tasks[i].waits && !strcmp(tasks[i].waits, bare(plan[done]))) {
      tasks[i].waits = NULL;
      strikeAt(&tasks[i]);
      return;
    }
}

/* Whether the process stays where it is: it is killed there, or stands there. */
static int strike(struct task *one, const char *when) {
  if (done == planned) return 0;
  char point[2 * TEXT];
  snprintf(point, sizeof point, "%s %s %d %s", one->role, one->call, one->n, when);
  if (!strcmp(point, bare(plan[done])) && !standing) {
    strikeAt(one);
    return 1;
  }
  for (int i = done + 1; i < planned; i++)
    if (hasMark(plan[i], '=') && !strcmp(point, bare(plan[i]))) {
      one->waits = bare(plan[i]);
      stand(one);
      return 1;
    }
  return 0;
}

/* Whether the thread is to be resumed. */
static int onSyscall(struct task *one) {
  struct __ptrace_syscall_info info;
  if (ptrace(PTRACE_GET_SYSCALL_INFO, one->tid, sizeof info, &info) <= 0) return 1;
  int stays = 0;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    classify(one, &info, one->call);
    if (!one->call[0]) return 1;
    one->n = countOf(one->role, one->call);
    fprintf(report, "call %d %s %s %d\n", one->tgid, one->role, one->call, one->n);
    stays = strike(one, "before");
  } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && one->call[0]) {
    if (!info.exit.is_error) stays = strike(one, "after");
    one->call[0] = 0;
  }
  return !stays || leaving;
}

/* The next stop of everybody is the last one. */
static void interruptAll(void) {
  for (int i = 0; i < taskCount; i++) ptrace(PTRACE_INTERRUPT, tasks[i].tid, 0, 0);
}

static void onStop(pid_t tid, int status) {
  int signal = WSTOPSIG(status), event = status >> 16;
  struct task *one = find(tid);
  /* a child may stop before its parent says that it made it */
  if (!one) {
    pid_t tgid = numberOf(tid, "Tgid:");
    one = add(tid, find(tgid == tid ? numberOf(tid, "PPid:") : tgid));
  }
  int deliver = 0, listen = 0;
  if (event == PTRACE_EVENT_CLONE || event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK) {
    unsigned long child = 0;
    ptrace(PTRACE_GETEVENTMSG, tid, 0, &child);
    if (!find((pid_t)child)) add((pid_t)child, one);
  } else if (event == PTRACE_EVENT_EXEC) {
    struct task *leader = find(tid);
    nameRole(leader ? leader : one);
  } else if (event == PTRACE_EVENT_STOP) {
    listen = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
  } else if (signal == (SIGTRAP | 0x80)) {
    if (!onSyscall(one)) return;
  } else if (event == 0) {
    deliver = signal;
  }
  int wanted = !leaving && strcmp(one->role, "child");
  if (wanted && listen) ptrace(PTRACE_LISTEN, tid, 0, 0);
  else if (wanted) ptrace(PTRACE_SYSCALL, tid, 0, deliver);
  else if (ptrace(PTRACE_DETACH, tid, 0, deliver) == 0 && tid != root) drop(tid);
}

int main(int argc, char **argv) {
  int at = 4;
  while (at < argc && strcmp(argv[at], "--")) at++;
  if (argc < 6 || at + 1 >= argc) { fprintf(stderr, "stopper HOME REPORT ROLE [PLAN…] -- COMMAND…\n"); return 2; }
  home = argv[1];
  report = fopen(argv[2], "we");
  plan = argv + 4;
  planned = at - 4;
  if (!report) { perror(argv[2]); return 2; }
  setvbuf(report, NULL, _IOLBF, 0);
  int gate[2];
  if (pipe2(gate, O_CLOEXEC)) { perror("pipe"); return 2; }
  root = fork();
  if (root == 0) {
    char byte;
    close(gate[1]);
    if (read(gate[0], &byte, 1) < 0) _exit(2);
    execvp(argv[at + 1], argv + at + 1);
    perror(argv[at + 1]);
    _exit(127);
  }
  struct task *first = add(root, NULL);
  snprintf(first->role, sizeof first->role, "%s", argv[3]);
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SEIZE, root, 0, options)) { perror("ptrace"); kill(root, SIGKILL); return 3; }
  ptrace(PTRACE_INTERRUPT, root, 0, 0);
  close(gate[0]);
  close(gate[1]);
  for (int left = 0;;) {
    int status;
    pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0) {
      if (errno == EINTR) continue;
      break;
    }
    if (WIFSTOPPED(status)) onStop(tid, status);
    else {
      if (tid == root) rootStatus = status;
      drop(tid);
      if (tid == standing) standing = 0, finishStrike();
    }
    if (leaving && !left) left = 1, interruptAll();
  }
  fclose(report);
  return WIFEXITED(rootStatus) ? WEXITSTATUS(rootStatus) : 128 + WTERMSIG(rootStatus);
}
