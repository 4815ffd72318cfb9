/* exec: a command of the owner's says how the service is: exit status 0 serving, 1 degraded, any
 * other not serving; the first line it writes is the reason.
 *
 * No shell, nothing on standard input, a process group of its own.  When its time is up, when it
 * writes too much, and when it has ended itself, all that is left of the group is killed.  If a
 * process does not even die of that (it waits in the kernel), no second one is started.  If we are
 * killed ourselves, the kernel kills the command (spawn.h), but not what it has started. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utf8.h"
#include "check/kind.h"
#include "check/spawn.h"

#define EXEC_OUTPUT 65536 /* bytes a command may write; a reason is its first line */
#define EXEC_READ 4096    /* bytes taken at once */

struct exec {
    struct check_watch output, process;
    int pipe, pidfd; /* pidfd >= 0: there is a process, perhaps one that was killed and dies */
    pid_t pid;
    bool waiting; /* the run begins when the last one's process has died */
    size_t written;
    size_t n;
    char line[CHECK_REASON - 32];
    bool line_ended;
};

static int exec_open(struct check *c, char *words, size_t words_cap)
{
    struct exec *x = calloc(1, sizeof *x);

    (void)words;
    (void)words_cap;
    if (!x)
        return QHCP_E_NOMEM;
    x->output.fd = x->process.fd = x->pipe = x->pidfd = -1;
    c->self = x;
    return 0;
}

static void close_output(struct check *c)
{
    struct exec *x = c->self;

    check_unwatch(c, &x->output);
    if (x->pipe >= 0)
        close(x->pipe);
    x->pipe = -1;
}

/* The leader is a zombie at least, so the group's number is still its own. */
static void kill_group(const struct exec *x)
{
    if (x->pidfd >= 0)
        kill(-x->pid, SIGKILL);
}

static void exec_stop(struct check *c)
{
    struct exec *x = c->self;

    x->waiting = false;
    close_output(c);
    kill_group(x);
}

static void forget_process(struct check *c)
{
    struct exec *x = c->self;

    check_unwatch(c, &x->process);
    if (x->pidfd >= 0)
        close(x->pidfd);
    x->pidfd = -1;
}

static void exec_close(struct check *c)
{
    struct exec *x = c->self;
    siginfo_t info;

    if (x->pidfd >= 0)
        waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG);
    forget_process(c);
    free(x);
}

/* 0, or the errno that kept it from running. */
static int start(struct check *c)
{
    struct exec *x = c->self;
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return errno;
    error = spawn_command(c->spec.argv, ends[1], ends[1], &x->pid);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return error;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    x->pipe = ends[0];
    x->pidfd = pidfd_open(x->pid, 0);
    if (x->pidfd < 0) {
        error = errno;
        kill(-x->pid, SIGKILL);
        waitpid(x->pid, NULL, 0); /* it was killed before it could have done anything long */
        return error;
    }
    if (check_watch(c, &x->output, x->pipe, EPOLLIN) != 0 ||
        check_watch(c, &x->process, x->pidfd, EPOLLIN) != 0)
        return errno;
    return 0;
}

static void exec_begin(struct check *c)
{
    struct exec *x = c->self;
    int error;

    x->waiting = x->pidfd >= 0;
    if (x->waiting)
        return;
    x->written = x->n = 0;
    x->line_ended = false;
    error = start(c);
    if (error != 0) {
        exec_stop(c);
        check_end(c, QHCP_NOT_SERVING, "cannot run it: %s", strerror(error));
    }
}

static void keep_line(struct exec *x, const char *buf, size_t n)
{
    for (size_t i = 0; i < n && !x->line_ended && x->n < sizeof x->line - 1; i++) {
        x->line_ended = buf[i] == '\n' || buf[i] == '\0';
        if (!x->line_ended)
            x->line[x->n++] = buf[i];
    }
}

/* One bounded piece of its output.  False: too much was written. */
static bool take_output(struct check *c)
{
    struct exec *x = c->self;
    char buf[EXEC_READ];
    ssize_t n = x->pipe >= 0 ? read(x->pipe, buf, sizeof buf) : 0;

    if (n > 0) {
        keep_line(x, buf, (size_t)n);
        x->written += (size_t)n;
    }
    if (n == 0)
        close_output(c);
    return x->written <= EXEC_OUTPUT;
}

static void end_by_status(struct check *c, const siginfo_t *info)
{
    struct exec *x = c->self;
    enum qhcp_status result = QHCP_NOT_SERVING;

    utf8_clean(slice_of(x->line, x->n), x->line, sizeof x->line);
    if (info->si_code == CLD_EXITED && info->si_status <= 1)
        result = info->si_status == 0 ? QHCP_SERVING : QHCP_STATUS_DEGRADED;
    if (info->si_code != CLD_EXITED)
        check_end(c, result, "killed by SIG%s", sigabbrev_np(info->si_status));
    else if (x->n > 0 || result == QHCP_SERVING)
        check_end(c, result, "%s", x->line);
    else
        check_end(c, result, "exit status %d", info->si_status);
}

static void process_ended(struct check *c)
{
    struct exec *x = c->self;
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return;
    if (x->pipe >= 0)
        take_output(c);
    kill_group(x); /* what it left behind in its group; then the number is given back */
    waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG);
    close_output(c);
    forget_process(c);
    if (x->waiting)
        exec_begin(c);
    else
        end_by_status(c, &info);
}

static void exec_ready(struct check *c, struct check_watch *w, unsigned events)
{
    struct exec *x = c->self;

    (void)events;
    if (w == &x->process) {
        process_ended(c);
    } else if (!take_output(c)) {
        exec_stop(c);
        check_end(c, QHCP_NOT_SERVING, "wrote more than %d KiB, and was killed",
                  EXEC_OUTPUT / 1024);
    }
}

const struct kind exec_kind = {
    .open = exec_open,
    .close = exec_close,
    .begin = exec_begin,
    .stop = exec_stop,
    .ready = exec_ready,
    .late = "did not end",
};
