/* exec: a command for each event, which gets it as JSON on standard input.
 *
 * No shell, a process group of its own, its output is dropped.  Events come in order for each
 * server, at most `at-most` commands at once (hook.h).  When its time is up, and when it has ended,
 * all that is left of the group is killed.  With an exit status other than 0 the first line of its
 * standard error is told; it is run again only where retries= says so, since a command may have
 * done half of its work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/value.h"
#include "check/spawn.h"
#include "sinks/hook.h"
#include "sinks/sink_kinds.h"

#define TIMEOUT (10 * NSEC_PER_SEC)
#define TIMEOUT_MIN (10 * NSEC_PER_MSEC)
#define TIMEOUT_MAX (600 * NSEC_PER_SEC)
#define COMPLAINT 160

struct run {
    struct exec *exec;
    struct hook_event *event; /* NULL: this place is free */
    struct loop_watch watch;
    pid_t pid;
    int pidfd, err;
    bool late; /* it was killed for that */
    qhcp_nsec until;
};

struct exec {
    struct sink sink;
    struct hook hook;
    qhcp_nsec timeout, wake_at;
    struct loop_part part;
    struct run runs[HOOK_AT_MOST];
};

static void work(struct exec *x, qhcp_nsec now);

static int parse(struct sink *s, char *words, size_t words_cap)
{
    struct exec *x = (struct exec *)s;
    uint64_t at_most = 4, retries = 0;
    int r = 0;

    x->timeout = TIMEOUT;
    r = sink_args_duration(&s->args, "timeout", TIMEOUT_MIN, TIMEOUT_MAX, &x->timeout, words,
                           words_cap);
    if (r == 0)
        r = sink_args_count(&s->args, "at-most", 1, HOOK_AT_MOST, &at_most, words, words_cap);
    if (r == 0)
        r = sink_args_count(&s->args, "retries", 0, HOOK_RETRIES, &retries, words, words_cap);
    if (r == 0)
        r = hook_kinds(sink_args_get(&s->args, "kinds"), &x->hook.kinds, words, words_cap);
    x->hook.at_most = (unsigned)at_most;
    x->hook.retries = (unsigned)retries;
    return r;
}

static void close_run(struct run *r)
{
    loop_unwatch(&r->watch);
    close(r->pidfd);
    close(r->err);
    r->event = NULL;
}

/* The first line of its standard error, for people. */
static void read_complaint(const struct run *r, char ret[COMPLAINT])
{
    char line[COMPLAINT];
    ssize_t n = read(r->err, line, sizeof line - 1);

    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    utf8_clean(slice_str(line), ret, COMPLAINT);
}

static bool judge(struct run *r, qhcp_nsec now, const siginfo_t *info)
{
    struct sink *s = &r->exec->sink;
    char complaint[COMPLAINT], timeout[32];

    if (r->late) {
        value_duration_text(r->exec->timeout, timeout, sizeof timeout);
        sink_failed(s, now, "the command did not end within %s, and was killed", timeout);
        return false;
    }
    if (info->si_code != CLD_EXITED) {
        sink_failed(s, now, "the command was killed by SIG%s", sigabbrev_np(info->si_status));
        return false;
    }
    if (info->si_status == 0)
        return true;
    read_complaint(r, complaint);
    sink_failed(s, now, "the command failed with exit status %d%s%s", info->si_status,
                complaint[0] ? ": " : "", complaint);
    return false;
}

static void on_end(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct run *r = ctx;
    struct exec *x = r->exec;
    struct hook_event *event = r->event;
    siginfo_t info = {0};
    bool good;

    (void)ready;
    if (waitid(P_PIDFD, (id_t)r->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return;
    kill(-r->pid, SIGKILL); /* what it left behind in its group; then the number is given back */
    waitid(P_PIDFD, (id_t)r->pidfd, &info, WEXITED | WNOHANG);
    good = judge(r, now, &info);
    close_run(r);
    if (good)
        sink_did(&x->sink, now);
    hook_done(&x->hook, event, good ? HOOK_TAKEN : HOOK_REFUSED, now);
    work(x, now);
}

/* A file in memory with the event in it, to be read from its beginning; -1 with errno. */
static int input_of(const struct hook_event *e)
{
    int fd = memfd_create("event", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, e->json, e->n) == (ssize_t)e->n && write(fd, "\n", 1) == 1 &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* 0, or the errno that kept it from running. */
static int spawn(struct run *r, const struct hook_event *e)
{
    int in = input_of(e), err[2], error;

    if (in < 0)
        return errno;
    if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
        error = errno;
        close(in);
        return error;
    }
    error = spawn_with(r->exec->sink.args.argv, (const int[]){in, -1, err[1]}, &r->pid);
    close(in);
    close(err[1]);
    r->err = err[0];
    if (error == 0 && (r->pidfd = pidfd_open(r->pid, 0)) < 0) {
        error = errno;
        kill(-r->pid, SIGKILL);
        waitpid(r->pid, NULL, 0); /* it was killed before it could have done anything long */
    }
    if (error != 0)
        close(r->err);
    return error;
}

static struct run *free_run(struct exec *x)
{
    for (size_t i = 0; i < HOOK_AT_MOST; i++)
        if (!x->runs[i].event)
            return &x->runs[i];
    return NULL;
}

/* Runs what may run now. */
static void work(struct exec *x, qhcp_nsec now)
{
    struct hook_event *e;

    while ((e = hook_next(&x->hook, now, clock_wall_ms()))) {
        struct run *r = free_run(x);
        int error;

        r->exec = x;
        error = spawn(r, e);
        if (error != 0) {
            sink_failed(&x->sink, now, "cannot run the command: %s", strerror(error));
            hook_done(&x->hook, e, HOOK_SILENT, now);
            continue;
        }
        r->event = e;
        r->late = false;
        r->until = nsec_add(now, x->timeout);
        loop_watch(x->sink.loop, &r->watch, r->pidfd, LOOP_READABLE, on_end, r);
    }
    x->wake_at = hook_deadline(&x->hook);
    for (size_t i = 0; i < HOOK_AT_MOST; i++)
        if (x->runs[i].event && !x->runs[i].late)
            x->wake_at = nsec_min(x->wake_at, x->runs[i].until);
    sink_holds(&x->sink, x->hook.n - x->hook.running);
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct exec *)ctx)->wake_at;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct exec *x = ctx;

    for (size_t i = 0; i < HOOK_AT_MOST; i++) {
        struct run *r = &x->runs[i];

        if (r->event && !r->late && r->until <= now) {
            r->late = true;
            kill(-r->pid, SIGKILL); /* its end comes */
        }
    }
    work(x, now);
}

static int look(struct sink *s, char *words, size_t words_cap)
{
    if (access(s->args.argv[0], X_OK) == 0)
        return 0;
    snprintf(words, words_cap, "%.200s: %s", s->args.argv[0], strerror(errno));
    return QHCP_E_IO;
}

static int start(struct sink *s, qhcp_nsec now, char *words, size_t words_cap)
{
    struct exec *x = (struct exec *)s;

    (void)now, (void)words, (void)words_cap;
    x->wake_at = NSEC_NEVER;
    x->part =
        (struct loop_part){.name = "exec sink", .ctx = x, .deadline = deadline, .expire = expire};
    loop_add(s->loop, &x->part);
    return 0;
}

static void event(struct sink *s, const struct fleet_change *c, qhcp_nsec now)
{
    struct exec *x = (struct exec *)s;

    hook_add(&x->hook, c);
    work(x, now);
}

static void stop(struct sink *s)
{
    struct exec *x = (struct exec *)s;

    for (size_t i = 0; i < HOOK_AT_MOST; i++) {
        struct run *r = &x->runs[i];

        if (!r->event)
            continue;
        spawn_end(r->pid, r->pidfd);
        close_run(r);
    }
    if (x->hook.n > 0)
        sink_say(s, QHCP_LOG_WARNING, "it ends with %zu event%s that %s not told",
                 TEXT_COUNT(x->hook.n), x->hook.n == 1 ? "was" : "were");
    loop_remove(&x->part);
    hook_clear(&x->hook);
}

static void deinit(struct sink *s)
{
    hook_clear(&((struct exec *)s)->hook);
}

const struct sink_kind sink_exec = {.name = "exec",
                                    .usage = "exec /PATH [ARGUMENT ...] [timeout=10s] [at-most=4] "
                                             "[retries=0] [kinds=state,...]",
                                    .size = sizeof(struct exec),
                                    .least = 1,
                                    .most = SINK_ARGS,
                                    .path = true,
                                    .settings = "timeout at-most retries kinds",
                                    .parse = parse,
                                    .look = look,
                                    .start = start,
                                    .event = event,
                                    .stop = stop,
                                    .deinit = deinit};
