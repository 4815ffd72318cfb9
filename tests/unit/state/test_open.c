/* What is in the directory: made by many at once and never half, checked, and never replaced where
 * other machines know it. */
#include "place.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qhcp/error.h>

static const char *const private_files[] = {STATE_CA_KEY, STATE_KEY, STATE_TOKEN_KEY, STATE_TRUST,
                                            "secret"};
static const char *const all_files[] = {STATE_CA,        STATE_CA_KEY, STATE_CERT, STATE_KEY,
                                        STATE_TOKEN_KEY, STATE_TRUST,  "secret",   STATE_NAMES};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *in_a(const struct place *p, const char *name)
{
    char sub[128];

    snprintf(sub, sizeof sub, "a/%s", name);
    return place_path(p, sub);
}

static void an_empty_place_gets_everything_and_private_modes(void **state)
{
    struct place *p = *state;
    struct stat st;

    place_make(p, "a", PLACE_NOW);
    assert_int_equal(stat(place_path(p, "a"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    for (size_t i = 0; i < COUNT(all_files); i++)
        assert_int_equal(stat(in_a(p, all_files[i]), &st), 0);
    for (size_t i = 0; i < COUNT(private_files); i++) {
        assert_int_equal(stat(in_a(p, private_files[i]), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

static void a_second_start_changes_nothing(void **state)
{
    struct place *p = *state;
    struct state one = place_make(p, "a", PLACE_NOW), two;
    uint8_t before[32];

    place_digest(place_path(p, "a"), before);
    two = place_make(p, "a", PLACE_NOW + 600);
    place_same(before, place_path(p, "a"));
    assert_memory_equal(one.secret, two.secret, STATE_SECRET);
    assert_false(two.imported);
    assert_string_equal(two.notice, "");
}

static void parents_are_made_too(void **state)
{
    struct place *p = *state;
    struct stat st;

    umask(0);
    place_make(p, "x/y/z//", PLACE_NOW);
    umask(022);
    assert_int_equal(stat(place_path(p, "x/y"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
}

/* A child that opens when the gate is closed, and tells its secret. */
static void start_one(const int gate[2], int tell)
{
    struct state s;
    char words[512] = "", c;
    int error;

    close(gate[1]);
    while (read(gate[0], &c, 1) > 0)
        ;
    error = state_open(&s, words, sizeof words);
    if (error)
        fprintf(stderr, "# %s\n", words);
    _exit(error || write(tell, s.secret, STATE_SECRET) != STATE_SECRET ? 1 : 0);
}

static void twenty_that_start_at_once_share_one_state(void **state)
{
    int gate[2], tell[2], status, failed = 0;
    uint8_t secret[20][STATE_SECRET];
    pid_t pids[20];

    (void)state;
    assert_int_equal(pipe(gate), 0);
    assert_int_equal(pipe(tell), 0);
    for (int i = 0; i < 20; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            start_one(gate, tell[1]);
    }
    close(gate[0]);
    close(gate[1]); /* off they go */
    for (int i = 0; i < 20; i++) {
        waitpid(pids[i], &status, 0);
        failed += status != 0;
    }
    assert_int_equal(failed, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(read(tell[0], secret[i], STATE_SECRET), STATE_SECRET);
        assert_memory_equal(secret[0], secret[i], STATE_SECRET);
    }
    close(tell[0]);
    close(tell[1]);
}

/* Whatever the moment of its death, the next one finds all or nothing, and goes on. */
static void one_that_is_killed_while_it_makes_the_state_leaves_nothing_half(void **state)
{
    struct place *p = *state;

    for (int i = 0; i < 40; i++) {
        const struct timespec moment = {.tv_nsec = i * 500000L};
        char name[16];
        struct state s;
        pid_t pid;

        snprintf(name, sizeof name, "k%d", i);
        pid = fork();
        if (pid == 0)
            _exit(place_open(p, name, PLACE_NOW, &s) ? 1 : 0);
        nanosleep(&moment, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        place_make(p, name, PLACE_NOW);
    }
}

static void an_interrupted_change_is_finished_and_one_before_its_commit_dropped(void **state)
{
    struct place *p = *state;
    char *text;

    place_make(p, "a", PLACE_NOW);
    text = place_read(in_a(p, STATE_CA), NULL);
    assert_int_equal(mkdir(in_a(p, "pending"), 0700), 0);
    place_write(in_a(p, "pending/1"), text, 0644);
    place_write(in_a(p, "pending/list"), "put 0 600 ca/gone\nput 1 644 ca/new\nremove secret\n",
                0600);
    assert_int_equal(mkdir(in_a(p, "pending.new"), 0700), 0);
    place_write(in_a(p, "pending.new/0"), text, 0644);
    free(text);
    place_make(p, "a", PLACE_NOW);
    assert_int_equal(access(in_a(p, "ca/new"), F_OK), 0);
    assert_int_not_equal(access(in_a(p, "pending"), F_OK), 0);
    assert_int_not_equal(access(in_a(p, "pending.new"), F_OK), 0);
    assert_int_equal(mkdir(in_a(p, "pending.new"), 0700), 0);
    place_write(in_a(p, "pending.new/list"), "remove secret\n", 0600);
    place_make(p, "a", PLACE_NOW);
    assert_int_not_equal(access(in_a(p, "pending.new"), F_OK), 0);
    assert_int_equal(access(in_a(p, "secret"), F_OK), 0);
}

static void a_change_never_leaves_the_directory(void **state)
{
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    assert_int_equal(mkdir(in_a(p, "pending"), 0700), 0);
    place_write(in_a(p, "pending/0"), "x", 0600);
    place_write(in_a(p, "pending/list"), "put 0 600 ../out\n", 0600);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PARSE);
    place_says(p, "pending");
    assert_int_not_equal(access(place_path(p, "out"), F_OK), 0);
}

/* What a process may write is limited in bytes, as on a disk that fills up, at each of the files.
 */
static void a_full_disk_is_told_and_leaves_nothing_half(void **state)
{
    struct place *p = *state;
    struct stat st;
    int told = 0;

    for (rlim_t limit = 0; limit < 1600; limit += 100) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            const struct rlimit r = {limit, limit};
            struct state s;

            signal(SIGXFSZ, SIG_IGN);
            setrlimit(RLIMIT_FSIZE, &r);
            if (place_open(p, "a", PLACE_NOW, &s) == 0)
                _exit(0);
            _exit(strstr(p->words, place_path(p, "a")) && strstr(p->words, "nothing was changed")
                      ? 1
                      : 2);
        }
        waitpid(pid, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
        if (WEXITSTATUS(status) == 0)
            break;
        told++;
        for (size_t i = 0; i < COUNT(all_files); i++)
            assert_int_not_equal(stat(in_a(p, all_files[i]), &st), 0);
    }
    assert_in_range(told, 3, 15);
    place_make(p, "a", PLACE_NOW);
}

static void a_certificate_that_cannot_be_renewed_is_used_as_long_as_it_is_valid(void **state)
{
    struct place *p = *state;
    int status;
    pid_t pid;

    place_make(p, "a", PLACE_NOW);
    pid = fork();
    if (pid == 0) {
        const struct rlimit r = {0, 0};
        struct state s;

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &r);
        if (place_open(p, "a", PLACE_NOW + 70 * PLACE_DAY, &s) != 0)
            _exit(1);
        if (!strstr(s.notice, "not renewed"))
            _exit(2);
        _exit(place_open(p, "a", PLACE_NOW + 91 * PLACE_DAY, &s) == QHCP_E_IO ? 0 : 3);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void a_private_file_that_others_can_read_is_refused_until_it_is_not(void **state)
{
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    for (size_t i = 0; i < COUNT(private_files); i++) {
        static const mode_t modes[] = {0640, 0604, 0620, 0601};

        for (size_t m = 0; m < COUNT(modes); m++) {
            chmod(in_a(p, private_files[i]), modes[m]);
            assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PERMISSION);
            place_says(p, in_a(p, private_files[i]));
            place_says(p, "chmod 600");
        }
        chmod(in_a(p, private_files[i]), 0600);
        place_make(p, "a", PLACE_NOW);
    }
}

static void a_private_file_of_another_user_is_refused_until_it_is_ours(void **state)
{
    struct place *p = *state;
    struct state s;

    if (geteuid() != 0)
        skip();
    place_make(p, "a", PLACE_NOW);
    assert_int_equal(chown(in_a(p, STATE_KEY), 65534, 65534), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, in_a(p, STATE_KEY));
    assert_int_equal(chown(in_a(p, STATE_KEY), 0, 0), 0);
    place_make(p, "a", PLACE_NOW);
}

static void a_link_in_the_place_of_a_file_or_folder_is_refused(void **state)
{
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    for (size_t i = 0; i < COUNT(all_files); i++) {
        assert_int_equal(rename(in_a(p, all_files[i]), place_path(p, "away")), 0);
        assert_int_equal(symlink(place_path(p, "away"), in_a(p, all_files[i])), 0);
        assert_true(place_open(p, "a", PLACE_NOW, &s) < 0);
        place_says(p, all_files[i]);
        place_says(p, "symbolic link");
        assert_int_equal(rename(place_path(p, "away"), in_a(p, all_files[i])), 0);
        place_make(p, "a", PLACE_NOW);
    }
}

static void a_damaged_file_is_named_and_left_as_it_is(void **state)
{
    static const char *const damage[] = {"", "garbage", "{\"keys\":1}",
                                         "-----BEGIN CERTIFICATE-----\nAAAA\n"};
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    for (size_t i = 0; i < COUNT(all_files); i++) {
        assert_int_equal(rename(in_a(p, all_files[i]), place_path(p, "good")), 0);
        for (size_t d = 0; d < COUNT(damage); d++) {
            uint8_t before[32];

            if (damage[d][0] == '\0' && strcmp(all_files[i], STATE_NAMES) == 0)
                continue; /* an empty list of names is one */
            place_write(in_a(p, all_files[i]), damage[d], 0600);
            place_digest(place_path(p, "a"), before);
            assert_true(place_open(p, "a", PLACE_NOW, &s) < 0);
            place_says(p, all_files[i]);
            place_same(before, place_path(p, "a"));
        }
        assert_int_equal(rename(place_path(p, "good"), in_a(p, all_files[i])), 0);
        place_make(p, "a", PLACE_NOW);
    }
}

static void what_other_machines_know_is_never_made_anew(void **state)
{
    static const char *const pieces[] = {STATE_CA, STATE_CA_KEY, STATE_TOKEN_KEY, STATE_TRUST};
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        assert_int_equal(rename(in_a(p, pieces[i]), place_path(p, "good")), 0);
        assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_NOT_FOUND);
        place_says(p, pieces[i]);
        place_says(p, "restore");
        assert_int_not_equal(access(in_a(p, pieces[i]), F_OK), 0);
        assert_int_equal(rename(place_path(p, "good"), in_a(p, pieces[i])), 0);
        place_make(p, "a", PLACE_NOW);
    }
}

static void what_this_machine_alone_knows_is_made_anew(void **state)
{
    static const char *const pieces[] = {STATE_CERT, STATE_KEY, "secret", STATE_NAMES};
    struct place *p = *state;

    place_make(p, "a", PLACE_NOW);
    for (size_t i = 0; i < COUNT(pieces); i++) {
        assert_int_equal(unlink(in_a(p, pieces[i])), 0);
        place_make(p, "a", PLACE_NOW);
        assert_int_equal(access(in_a(p, pieces[i]), F_OK), 0);
    }
}

static void keys_that_do_not_belong_together_are_told(void **state)
{
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    place_make(p, "b", PLACE_NOW);
    assert_int_equal(rename(place_path(p, "b/" STATE_KEY), in_a(p, STATE_KEY)), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_CERT);
    place_says(p, STATE_KEY);
    assert_int_equal(rename(place_path(p, "b/" STATE_CA_KEY), in_a(p, STATE_CA_KEY)), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_CERT);
    place_says(p, STATE_CA_KEY);
}

static void a_clock_that_was_never_set_makes_nothing(void **state)
{
    struct place *p = *state;
    struct state s;

    assert_int_equal(place_open(p, "a", 3600, &s), QHCP_E_CERT);
    place_says(p, "clock");
    assert_int_not_equal(access(in_a(p, STATE_CA), F_OK), 0);
    place_make(p, "a", PLACE_NOW);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(an_empty_place_gets_everything_and_private_modes),
        ROW(a_second_start_changes_nothing),
        ROW(parents_are_made_too),
        ROW(twenty_that_start_at_once_share_one_state),
        ROW(one_that_is_killed_while_it_makes_the_state_leaves_nothing_half),
        ROW(an_interrupted_change_is_finished_and_one_before_its_commit_dropped),
        ROW(a_change_never_leaves_the_directory),
        ROW(a_full_disk_is_told_and_leaves_nothing_half),
        ROW(a_certificate_that_cannot_be_renewed_is_used_as_long_as_it_is_valid),
        ROW(a_private_file_that_others_can_read_is_refused_until_it_is_not),
        ROW(a_private_file_of_another_user_is_refused_until_it_is_ours),
        ROW(a_link_in_the_place_of_a_file_or_folder_is_refused),
        ROW(a_damaged_file_is_named_and_left_as_it_is),
        ROW(what_other_machines_know_is_never_made_anew),
        ROW(what_this_machine_alone_knows_is_made_anew),
        ROW(keys_that_do_not_belong_together_are_told),
        ROW(a_clock_that_was_never_set_makes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
