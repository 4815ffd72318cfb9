/* A command as spawn_command starts it: what it inherits, what it does not, and that it dies with
 * us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check/spawn.h"

#define PATIENCE 20000 /* ms */

/* Runs it to its end: what it wrote, and how it ended. */
static int output_of(const char *command, char *ret, size_t cap)
{
    char *argv[] = {"/bin/sh", "-c", (char *)command, NULL};
    int ends[2], status;
    size_t n = 0;
    ssize_t got;
    pid_t pid;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(spawn_command(argv, ends[1], ends[1], &pid), 0);
    close(ends[1]);
    while (n < cap - 1 && (got = read(ends[0], ret + n, cap - 1 - n)) > 0)
        n += (size_t)got;
    ret[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void output_error_and_exit_status_are_the_command_s(void **state)
{
    char text[200];
    int status =
        output_of("echo out; echo err >&2; read line || echo empty; exit 7", text, sizeof text);

    (void)state;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_string_equal(text, "out\nerr\nempty\n");
}

static void its_input_is_what_is_given_and_its_output_may_be_dropped(void **state)
{
    char *argv[] = {"/bin/sh", "-c", "read line; echo \"$line\" >&2; echo lost", NULL}, text[50];
    int in[2], err[2], status;
    ssize_t n;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    assert_int_equal(write(in[1], "hello\n", 6), 6);
    assert_int_equal(spawn_with(argv, (const int[]){in[0], -1, err[1]}, &pid), 0);
    close(err[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    n = read(err[0], text, sizeof text);
    assert_int_equal(n, 6);
    assert_memory_equal(text, "hello\n", 6);
    assert_int_equal(read(err[0], text, sizeof text), 0);
    close(err[0]);
    close(in[0]);
    close(in[1]);
}

static void it_leads_a_group_and_has_none_of_our_descriptors(void **state)
{
    int high = fcntl(STDERR_FILENO, F_DUPFD, 50); /* not close-on-exec */
    char text[200], command[300];

    (void)state;
    assert_true(high >= 50);
    /* in /proc/PID/stat the fifth is the group */
    snprintf(command, sizeof command,
             "read pid name s parent group rest </proc/$$/stat; [ $pid = $group ] && echo leads; "
             "for i in 0 1 2 %d; do [ -e /proc/$$/fd/$i ] && echo $i; done",
             high);
    output_of(command, text, sizeof text);
    close(high);
    assert_string_equal(text, "leads\n0\n1\n2\n");
}

static void no_signal_is_blocked_or_ignored(void **state)
{
    sigset_t mine, before, after;
    char text[200];

    (void)state;
    sigemptyset(&mine);
    sigaddset(&mine, SIGUSR1);
    sigaddset(&mine, SIGCHLD);
    assert_int_equal(sigprocmask(SIG_BLOCK, &mine, &before), 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    output_of("grep -E '^Sig(Blk|Ign)' /proc/self/status", text, sizeof text);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGUSR2, SIG_DFL);
    assert_int_equal(sigprocmask(SIG_SETMASK, &before, &after), 0);
    assert_int_equal(sigismember(&after, SIGUSR1), 1); /* ours is as it was */
    assert_int_equal(sigismember(&after, SIGTERM), 0);
    assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void what_cannot_be_run_is_told_and_leaves_no_child(void **state)
{
    static const struct {
        const char *path;
        int error;
    } rows[] = {{"/nonesuch", ENOENT}, {"/etc/passwd", EACCES}, {"/", EACCES}};
    pid_t pid = -7;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *argv[] = {(char *)rows[i].path, NULL};

        assert_int_equal(spawn_command(argv, STDERR_FILENO, STDERR_FILENO, &pid), rows[i].error);
        assert_int_equal(pid, -7);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
    }
    char *argv[] = {"/bin/true", NULL};
    assert_int_equal(spawn_command(argv, 1000000, 1000000, &pid), EBADF);
    assert_int_equal(spawn_command(argv, STDERR_FILENO, STDERR_FILENO, &pid), 0); /* the twin */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* In a process of its own: starts a command, tells its number, waits to be killed. */
static _Noreturn void agent(int out)
{
    char *argv[] = {"/bin/sleep", "600", NULL};
    pid_t pid;

    if (spawn_command(argv, out, out, &pid) != 0 || write(out, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    for (;;)
        pause();
}

static bool ended_within(int pidfd, int ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    return poll(&p, 1, ms) == 1;
}

static void it_dies_with_us_and_not_before(void **state)
{
    pid_t parent, child;
    int ends[2], pidfd;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    parent = fork();
    if (parent == 0)
        agent(ends[1]);
    assert_int_equal(read(ends[0], &child, sizeof child), sizeof child);
    pidfd = pidfd_open(child, 0);
    assert_true(pidfd >= 0);
    assert_false(ended_within(pidfd, 300)); /* the twin: as long as we live, it does */
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    if (!ended_within(pidfd, PATIENCE)) {
        kill(child, SIGKILL);
        fail_msg("the command outlived the process that started it");
    }
    close(pidfd);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_error_and_exit_status_are_the_command_s),
        cmocka_unit_test(its_input_is_what_is_given_and_its_output_may_be_dropped),
        cmocka_unit_test(it_leads_a_group_and_has_none_of_our_descriptors),
        cmocka_unit_test(no_signal_is_blocked_or_ignored),
        cmocka_unit_test(what_cannot_be_run_is_told_and_leaves_no_child),
        cmocka_unit_test(it_dies_with_us_and_not_before),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
