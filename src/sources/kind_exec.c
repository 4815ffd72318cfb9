/* exec: what a command writes to its standard output: one server a line, or Prometheus' JSON.
 *
 * No shell, nothing on standard input, a process group of its own.  One run at a time.  When its
 * time is up, when it writes too much, and when it has ended itself, all that is left of the group
 * is killed.  Only a run that ended with exit status 0 counts; of another one, the first line of
 * its standard error is told. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/utf8.h"
#include "base/value.h"
#include "check/spawn.h"
#include "sources/followed.h"
#include "sources/sd.h"
#include "sources/source_kind.h"
#include "sources/sources.h"

#define OUTPUT_MAX FOLLOWED_MAX /* bytes */
#define AT_ONCE 65536

struct exec {
    struct source *source;
    struct loop_watch output, process;
    int out, err, pidfd; /* -1: none; pidfd: a process, perhaps one that was killed and dies */
    pid_t pid;
    struct text written;
    qhcp_nsec begun;
    bool over; /* it was judged already: its process only has to die */
};

static int check(const struct source_spec *spec, char *words, size_t words_cap)
{
    if (spec->argv[0][0] == '/')
        return 0;
    snprintf(words, words_cap, "\"%.80s\" is not a path: use exec /PATH [ARGUMENT ...]",
             spec->argv[0]);
    return QHCP_E_PARSE;
}

static int begin(struct source *s, qhcp_nsec now)
{
    struct exec *x = calloc(1, sizeof *x);

    (void)now;
    if (!x)
        return QHCP_E_NOMEM;
    x->source = s;
    x->out = x->err = x->pidfd = -1;
    s->self = x;
    return 0;
}

static void close_output(struct exec *x)
{
    loop_unwatch(&x->output);
    if (x->out >= 0)
        close(x->out);
    if (x->err >= 0)
        close(x->err);
    x->out = x->err = -1;
}

/* The leader is a zombie at least, so the group's number is still its own. */
static void kill_group(const struct exec *x)
{
    if (x->pidfd >= 0)
        kill(-x->pid, SIGKILL);
}

static void forget_process(struct exec *x)
{
    loop_unwatch(&x->process);
    if (x->pidfd >= 0)
        close(x->pidfd);
    x->pidfd = -1;
}

/* This run has said what it has to say; the next one comes when it is due. */
static void finish(struct exec *x)
{
    struct source *s = x->source;

    x->over = true;
    text_deinit(&x->written);
    x->written = (struct text){0};
    s->look_at = nsec_add(x->begun, s->spec.every);
}

static void give_up(struct exec *x, qhcp_nsec now, const char *why)
{
    kill_group(x);
    close_output(x);
    finish(x);
    source_fail(x->source, now, "%s", why);
}

static void take_output(struct exec *x, qhcp_nsec now)
{
    char buf[AT_ONCE];
    ssize_t n = read(x->out, buf, sizeof buf);

    if (n > 0)
        text_bytes(&x->written, buf, (size_t)n);
    else if (n == 0)
        loop_unwatch(&x->output); /* it has closed it; its end comes */
    if (x->written.n > OUTPUT_MAX)
        give_up(x, now, "the command wrote more than 32 MiB, and was killed");
}

static void on_output(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)ready;
    take_output(ctx, now);
}

static void judge_output(struct exec *x, qhcp_nsec now)
{
    const char *content = x->written.at ? x->written.at : "";
    struct source *s = x->source;
    char words[SOURCE_WORDS];
    struct faults f = {.n = 0};
    struct list l = {0};
    int r;

    snprintf(words, sizeof words, "out of memory");
    if (x->written.failed)
        r = QHCP_E_NOMEM;
    else if (sd_is(content))
        r = sd_parse("its output", content, x->written.n, &l, words, sizeof words);
    else
        r = list_parse_lines(&l, "its output", content, x->written.n, &f);
    if (f.n > 0)
        source_words(&f, words, sizeof words);
    finish(x);
    if (r == 0)
        source_yield(s, now, &l);
    else
        source_fail(s, now, "%s", words);
    list_deinit(&l);
}

/* The first line of its standard error, for people. */
static void read_complaint(const struct exec *x, char *ret, size_t cap)
{
    char line[160];
    ssize_t n = x->err >= 0 ? read(x->err, line, sizeof line - 1) : 0;

    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    utf8_clean(slice_str(line), ret, cap);
}

/* What is left in the pipe: not more than it holds. */
static void drain(struct exec *x, qhcp_nsec now)
{
    size_t before;

    do {
        before = x->written.n;
        take_output(x, now);
    } while (!x->over && x->written.n > before);
}

static void judge_end(struct exec *x, qhcp_nsec now, const siginfo_t *info)
{
    char words[300], complaint[200];

    if (!x->over)
        drain(x, now);
    if (x->over)
        return;
    read_complaint(x, complaint, sizeof complaint);
    close_output(x);
    if (info->si_code == CLD_EXITED && info->si_status == 0) {
        judge_output(x, now);
        return;
    }
    if (info->si_code == CLD_EXITED)
        snprintf(words, sizeof words, "the command failed with exit status %d%s%s", info->si_status,
                 complaint[0] ? ": " : "", complaint);
    else
        snprintf(words, sizeof words, "the command was killed by SIG%s",
                 sigabbrev_np(info->si_status));
    finish(x);
    source_fail(x->source, now, "%s", words);
}

static void on_end(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct exec *x = ctx;
    siginfo_t info = {0};

    (void)ready;
    if (waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return;
    kill_group(x); /* what it left behind in its group; then the number is given back */
    waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG);
    forget_process(x);
    judge_end(x, now, &info);
}

/* 0, or the errno that kept it from running.  (What it complains of beyond what a pipe holds is
 * dropped: nobody reads it meanwhile.) */
static int spawn(struct exec *x)
{
    int out[2], err[2], error;

    if (pipe2(out, O_CLOEXEC) < 0)
        return errno;
    if (pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0) {
        error = errno;
        close(out[0]);
        close(out[1]);
        return error;
    }
    x->out = out[0];
    x->err = err[0];
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    error = spawn_command(x->source->spec.argv, out[1], err[1], &x->pid);
    close(out[1]);
    close(err[1]);
    return error;
}

static int start(struct exec *x)
{
    struct loop *loop = sources_loop(x->source->all);
    int error = spawn(x);

    if (error == 0 && (x->pidfd = pidfd_open(x->pid, 0)) < 0) {
        error = errno;
        kill(-x->pid, SIGKILL);
        waitpid(x->pid, NULL, 0); /* it was killed before it could have done anything long */
    }
    if (error != 0) {
        close_output(x);
        return error;
    }
    loop_watch(loop, &x->output, x->out, LOOP_READABLE, on_output, x);
    loop_watch(loop, &x->process, x->pidfd, LOOP_READABLE, on_end, x);
    return 0;
}

/* A run begins, or the time of one is up. */
static void look(struct source *s, qhcp_nsec now)
{
    struct exec *x = s->self;
    char words[120], timeout[32];
    int error;

    if (x->pidfd >= 0 && !x->over) {
        value_duration_text(s->spec.timeout, timeout, sizeof timeout);
        snprintf(words, sizeof words, "the command did not end within %s, and was killed", timeout);
        give_up(x, now, words);
        return;
    }
    if (x->pidfd >= 0) { /* it does not even die: no second one beside it */
        s->look_at = nsec_add(now, s->spec.every);
        return;
    }
    x->begun = now;
    x->over = false;
    error = start(x);
    s->look_at = nsec_add(now, s->spec.timeout);
    if (error == 0)
        return;
    finish(x);
    source_fail(s, now, "cannot run the command: %s", strerror(error));
}

static void end(struct source *s)
{
    struct exec *x = s->self;
    siginfo_t info;

    kill_group(x);
    close_output(x);
    if (x->pidfd >= 0)
        waitid(P_PIDFD, (id_t)x->pidfd, &info, WEXITED | WNOHANG);
    forget_process(x);
    text_deinit(&x->written);
    free(x);
}

const struct source_kind kind_exec = {.name = "exec",
                                      .usage =
                                          "exec /PATH [ARGUMENT ...] [every=30s] [timeout=10s]",
                                      .arguments = SOURCE_ARGUMENTS,
                                      .settings = SOURCE_SET_EVERY | SOURCE_SET_TIMEOUT,
                                      .every = SOURCE_EVERY,
                                      .timeout = SOURCE_TIMEOUT,
                                      .check = check,
                                      .begin = begin,
                                      .look = look,
                                      .end = end};
