#include "sinks/command.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/value.h"
#include "check/spawn.h"

#define WORDS 400
#define LINE 240

static qhcp_nsec deadline(void *ctx)
{
    return ((struct command *)ctx)->until;
}

static void close_output(struct command *c)
{
    loop_unwatch(&c->output);
    if (c->pipe >= 0)
        close(c->pipe);
    c->pipe = -1;
}

/* Its number is its own until it is waited for. */
static void kill_group(const struct command *c)
{
    kill(-c->pid, SIGKILL);
}

static void forget(struct command *c)
{
    close_output(c);
    loop_unwatch(&c->process);
    loop_remove(&c->part);
    if (c->pidfd >= 0)
        close(c->pidfd);
    c->pidfd = -1;
    c->running = false;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct command *c = ctx;

    (void)now;
    c->late = true;
    c->until = NSEC_NEVER;
    kill_group(c); /* its end comes */
}

/* False: nothing is there now, or will be. */
static bool take_output(struct command *c)
{
    char rest[COMMAND_KEPT];
    size_t room = sizeof c->kept - 1 - c->n;
    ssize_t n = c->pipe < 0 ? 0
                            : read(c->pipe, room > 0 ? c->kept + c->n : rest,
                                   room > 0 ? room : sizeof rest);

    if (n > 0 && room > 0)
        c->n += (size_t)n;
    if (n == 0)
        close_output(c);
    return n > 0;
}

static void on_output(void *ctx, qhcp_nsec now, unsigned ready)
{
    (void)now, (void)ready;
    (void)take_output(ctx);
}

/* Behind the time, the level and the process that nginx begins its lines with: the same fault is to
 * have the same words each time. */
static const char *behind_head(const char *line, const char *mark)
{
    const char *at = mark + strcspn(mark, "]\n");

    if (*mark != '[' || *at != ']')
        return line;
    at += 1 + strspn(at + 1, " ");
    if (at[strspn(at, "0123456789")] == '#')
        at += strcspn(at, " \n");
    return at + strspn(at, " ");
}

/* The line that says what is wrong: the first that calls itself an error, else the first. */
static void telling_line(struct command *c, char ret[LINE])
{
    static const char *const marks[] = {"[emerg]", "[crit]", "[error]", "error", "Error"};
    const char *at, *found = NULL;

    c->kept[c->n] = '\0';
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && !found; i++)
        found = strstr(c->kept, marks[i]);
    for (at = found ? found : c->kept; at > c->kept && at[-1] != '\n';)
        at--;
    at = found ? behind_head(at, found) : at;
    utf8_clean(slice_of(at, strcspn(at, "\r\n")), ret, LINE);
}

static void say_why(struct command *c, const siginfo_t *info, char ret[WORDS])
{
    char line[LINE], limit[32];

    telling_line(c, line);
    value_duration_text(c->timeout, limit, sizeof limit);
    if (c->late)
        snprintf(ret, WORDS, "did not end within %s, and was killed", limit);
    else if (info->si_code != CLD_EXITED)
        snprintf(ret, WORDS, "was killed by SIG%s", sigabbrev_np(info->si_status));
    else
        snprintf(ret, WORDS, "failed with exit status %d%s%s", info->si_status,
                 line[0] != '\0' ? ": " : "", line);
}

static void on_end(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct command *c = ctx;
    siginfo_t info = {0};
    char why[WORDS] = "";

    (void)ready;
    if (waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid == 0)
        return;
    while (take_output(c) && c->n < sizeof c->kept - 1) {
    }
    kill_group(c);
    waitid(P_PIDFD, (id_t)c->pidfd, &info, WEXITED | WNOHANG);
    if (c->late || info.si_code != CLD_EXITED || info.si_status != 0)
        say_why(c, &info, why);
    forget(c);
    c->done(c->ctx, now, why[0] != '\0' ? why : NULL);
}

/* 0 or an errno. */
static int start(struct command *c, char *line)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, line, NULL};
    int ends[2], error;

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return errno;
    error = spawn_command(argv, ends[1], ends[1], &c->pid);
    close(ends[1]);
    if (error == 0 && (c->pidfd = pidfd_open(c->pid, 0)) < 0) {
        error = errno;
        kill_group(c);
        waitpid(c->pid, NULL, 0); /* it was killed before it could have done anything long */
    }
    if (error != 0) {
        close(ends[0]);
        return error;
    }
    c->pipe = ends[0];
    return 0;
}

void command_run(struct command *c, qhcp_nsec now, char *line)
{
    char why[WORDS];
    int error;

    assert(!c->running);
    c->n = 0;
    c->late = false;
    c->pipe = c->pidfd = -1;
    error = start(c, line);
    if (error != 0) {
        snprintf(why, sizeof why, "cannot be run: %s", strerror(error));
        c->done(c->ctx, now, why);
        return;
    }
    c->running = true;
    c->until = nsec_add(now, c->timeout);
    c->part =
        (struct loop_part){.name = "command", .ctx = c, .deadline = deadline, .expire = expire};
    loop_add(c->loop, &c->part);
    loop_watch(c->loop, &c->output, c->pipe, LOOP_READABLE, on_output, c);
    loop_watch(c->loop, &c->process, c->pidfd, LOOP_READABLE, on_end, c);
}

void command_stop(struct command *c)
{
    if (!c->running)
        return;
    spawn_end(c->pid, c->pidfd);
    forget(c);
}
