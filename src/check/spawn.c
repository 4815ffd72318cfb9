/* Starts a command that does not outlive us.
 *
 * An agent that is killed by SIGKILL cleans nothing up, so the kernel must: the child asks for a
 * signal at its parent's death (PR_SET_PDEATHSIG).  Only the child itself can ask for that, between
 * its birth and its exec, where posix_spawn(3) lets nothing of ours run.
 *
 * Why vfork(2), which is so easy to misuse: fork(2) would copy the page tables of an agent that may
 * be part of a large program, on the thread that answers health checks, and then fault on each page
 * that is written; and it could not say why exec failed without a pipe.  With vfork the child
 * borrows our memory while the calling thread stands still, until it execs or exits: microseconds,
 * as posix_spawn does it itself.  What makes that safe:
 *
 * - All signals are blocked before and until the child has made their actions the default: no
 *    handler of ours runs in it, on our memory.  (vfork shares memory, but not the table of
 * actions.)
 * - The child does nothing but system calls that are async-signal-safe: no allocation, no lock, no
 *    stdio.  It writes one variable, the errno that stopped it, and leaves by exec or _exit.
 * - It never returns from the function that called vfork.
 *
 * The parent may die between vfork and prctl: then the signal would never come.  So the child
 * checks its parent after it has asked; if that is no longer us, it was too late, and it exits.
 *
 * What this cannot reach: processes that the command itself has started (the kernel asks the dying
 * parent's children only, and the request is not inherited), and a command that is set-user-ID or
 * has file capabilities (exec clears the request).  While we live, the process group takes care of
 * the former; a service manager that kills the whole control group does in any case. */
#include "check/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_MS 500

extern char **environ;

/* The service manager's words to us, not to a command: one that speaks to it would speak in our
 * place (sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3), systemd.exec(5)). */
static bool is_ours(const char *variable)
{
    static const char *const names[] = {
        "NOTIFY_SOCKET=",  "WATCHDOG_USEC=",         "WATCHDOG_PID=",   "LISTEN_FDS=",
        "LISTEN_PID=",     "LISTEN_PIDFDID=",        "LISTEN_FDNAMES=", "MAINPID=",
        "JOURNAL_STREAM=", "CREDENTIALS_DIRECTORY=",
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* The caller frees the array, not its strings; NULL: out of memory. */
static __attribute__((noinline)) char **make_environment(void)
{
    size_t n = 0, kept = 0;
    char **ret;

    while (environ[n])
        n++;
    ret = malloc((n + 1) * sizeof ret[0]);
    for (size_t i = 0; ret && i < n; i++)
        if (!is_ours(environ[i]))
            ret[kept++] = environ[i];
    if (ret)
        ret[kept] = NULL;
    return ret;
}

/* What was ignored stays ignored over exec, what had a handler would run it here. */
static void default_signals(void)
{
    const struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signum = 1; signum <= SIGRTMAX; signum++)
        sigaction(signum, &action, NULL); /* fails for KILL, STOP and libc's own: as it should */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Above the three that they are to become, should one of those have been free. */
static int take_descriptors(const int to[3])
{
    int high[3];

    for (int i = 0; i < 3; i++) {
        int fd = to[i] >= 0 ? to[i] : open("/dev/null", i == STDIN_FILENO ? O_RDONLY : O_WRONLY);

        high[i] = fcntl(fd, F_DUPFD, STDERR_FILENO + 1);
        if (high[i] < 0)
            return -1;
    }
    for (int i = 0; i < 3; i++)
        if (dup2(high[i], i) < 0)
            return -1;
    return close_range(STDERR_FILENO + 1, UINT_MAX, 0);
}

/* The child's life on our memory: system calls, and *error. */
static _Noreturn void become(char *const argv[], char *const environment[], const int to[3],
                             pid_t parent, volatile int *error)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && setpgid(0, 0) == 0 && take_descriptors(to) == 0) {
        if (getppid() != parent)
            _exit(127);
        default_signals();
        execve(argv[0], argv, environment);
    }
    *error = errno;
    _exit(127);
}

int spawn_command(char *const argv[], int out, int err, pid_t *ret)
{
    return spawn_with(argv, (const int[]){-1, out, err}, ret);
}

int spawn_with(char *const argv[], const int to[3], pid_t *ret)
{
    volatile int error = 0;
    pid_t parent = getpid(), child;
    char **const environment = make_environment();
    sigset_t all, before;

    if (!environment)
        return ENOMEM;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    child = vfork();
    if (child == 0)
        become(argv, environment, to, parent, &error);
    if (child < 0)
        error = errno;
    else if (error != 0)
        waitpid(child, NULL, 0); /* it exits as it stands; no signal can interrupt this */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(environment);
    if (error == 0)
        *ret = child;
    return error;
}

void spawn_end(pid_t pid, int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    siginfo_t info;

    kill(-pid, SIGKILL);
    (void)poll(&p, 1, END_MS);
    waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
}
