/* Where the state directory is, and what it must be like. */
#include "place.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/lock.h"

static void a_directory_that_others_can_enter_is_refused_until_they_cannot(void **state)
{
    struct place *p = *state;
    struct state s;

    assert_int_equal(mkdir(place_path(p, "a"), 0755), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, "chmod 700");
    place_says(p, place_path(p, "a"));
    chmod(place_path(p, "a"), 0700);
    place_make(p, "a", PLACE_NOW);
}

/* Whoever closed /etc to all others would break the machine. */
static void a_directory_with_files_of_others_is_not_to_be_closed(void **state)
{
    struct place *p = *state;
    struct state s;

    assert_int_equal(mkdir(place_path(p, "etc"), 0755), 0);
    place_write(place_path(p, "etc/passwd"), "root:x:0:0", 0644);
    assert_int_equal(place_open(p, "etc", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, "is not a state directory");
    assert_null(strstr(p->words, "chmod"));
    place_make(p, "a", PLACE_NOW); /* the twin: one of ours */
    assert_int_equal(chmod(place_path(p, "a"), 0755), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, "chmod 700");
}

static void a_directory_of_another_user_is_refused_until_it_is_ours(void **state)
{
    struct place *p = *state;
    struct state s;

    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(place_path(p, "a"), 0700), 0);
    assert_int_equal(chown(place_path(p, "a"), 65534, 65534), 0);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, "another user");
    assert_int_equal(chown(place_path(p, "a"), 0, 0), 0);
    place_make(p, "a", PLACE_NOW);
}

static void what_is_no_directory_is_named(void **state)
{
    struct place *p = *state;
    struct state s;

    place_write(place_path(p, "a"), "x", 0600);
    assert_int_equal(place_open(p, "a", PLACE_NOW, &s), QHCP_E_IO);
    place_says(p, "is not a directory");
    assert_int_equal(place_open(p, "a/below", PLACE_NOW, &s), QHCP_E_IO);
    place_says(p, place_path(p, "a"));
    assert_int_equal(symlink(place_path(p, "nowhere"), place_path(p, "link")), 0);
    assert_int_equal(place_open(p, "link", PLACE_NOW, &s), QHCP_E_IO);
    place_says(p, "a symbolic link to nothing");
}

static void a_link_of_ours_to_a_directory_is_followed_one_of_another_user_is_not(void **state)
{
    struct place *p = *state;
    struct state s;

    place_make(p, "a", PLACE_NOW);
    assert_int_equal(symlink(place_path(p, "a"), place_path(p, "link")), 0);
    place_make(p, "link", PLACE_NOW);
    if (geteuid() != 0)
        return;
    assert_int_equal(lchown(place_path(p, "link"), 65534, 65534), 0);
    assert_int_equal(place_open(p, "link", PLACE_NOW, &s), QHCP_E_PERMISSION);
    place_says(p, "symbolic link");
}

static void a_parent_that_cannot_be_written_is_named(void **state)
{
    struct place *p = *state;
    int status;
    pid_t pid;

    assert_int_equal(chmod(p->root, 0555), 0);
    pid = fork();
    if (pid == 0) {
        struct state s;

        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(3);
        if (place_open(p, "a", PLACE_NOW, &s) != QHCP_E_IO)
            _exit(1);
        _exit(strstr(p->words, place_path(p, "a")) && strstr(p->words, "denied") ? 0 : 2);
    }
    waitpid(pid, &status, 0);
    chmod(p->root, 0700);
    assert_int_equal(status, 0);
    place_make(p, "a", PLACE_NOW);
}

static void the_variables_name_the_directory_in_their_order(void **state)
{
    const struct place *p = *state;
    char dir[STATE_PATH], words[512], huge[STATE_PATH * 2];
    const struct words w = {words, sizeof words};

    assert_int_equal(lock_find(dir, sizeof dir, &w), 0);
    assert_string_equal(dir, place_path(p, "a"));
    assert_int_equal(setenv("QHCP_STATE_DIR", "rel//", 1), 0);
    assert_int_equal(lock_find(dir, sizeof dir, &w), 0);
    assert_int_equal(dir[0], '/');
    assert_string_equal(dir + strlen(dir) - 4, "/rel");
    setenv("QHCP_STATE_DIR", "", 1);
    assert_int_equal(lock_find(dir, sizeof dir, &w), QHCP_E_ARG);
    assert_non_null(strstr(words, "QHCP_STATE_DIR is empty"));
    memset(huge, 'x', sizeof huge);
    huge[0] = '/';
    huge[sizeof huge - 1] = '\0';
    setenv("QHCP_STATE_DIR", huge, 1);
    assert_int_equal(lock_find(dir, sizeof dir, &w), QHCP_E_ARG);
    assert_non_null(strstr(words, "too long"));
}

static bool found(const char *want)
{
    const struct words silent = {NULL, 0};
    char dir[STATE_PATH];

    return lock_find(dir, sizeof dir, &silent) == 0 && strcmp(dir, want) == 0;
}

static void without_the_variable_root_and_others_have_their_places(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        unsetenv("QHCP_STATE_DIR");
        setenv("XDG_STATE_HOME", "/xdg", 1);
        if (geteuid() == 0 && (!found("/var/lib/qhcp") || setuid(65534) != 0))
            _exit(1);
        if (!found("/xdg/qhcp"))
            _exit(2);
        setenv("XDG_STATE_HOME", "relative", 1);
        setenv("HOME", "/home/u", 1);
        if (!found("/home/u/.local/state/qhcp"))
            _exit(3);
        setenv("HOME", "nowhere", 1);
        _exit(found("nowhere/.local/state/qhcp") ? 4 : 0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

static void finding_makes_nothing(void **state)
{
    struct place *p = *state;
    struct state s;

    assert_int_equal(state_find(&s, p->words, sizeof p->words), QHCP_E_NOT_FOUND);
    assert_int_not_equal(access(place_path(p, "a"), F_OK), 0);
    place_make(p, "a", PLACE_NOW);
    assert_int_equal(state_find(&s, p->words, sizeof p->words), 0);
    assert_string_equal(s.dir, place_path(p, "a"));
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_directory_that_others_can_enter_is_refused_until_they_cannot),
        ROW(a_directory_with_files_of_others_is_not_to_be_closed),
        ROW(a_directory_of_another_user_is_refused_until_it_is_ours),
        ROW(what_is_no_directory_is_named),
        ROW(a_link_of_ours_to_a_directory_is_followed_one_of_another_user_is_not),
        ROW(a_parent_that_cannot_be_written_is_named),
        ROW(the_variables_name_the_directory_in_their_order),
        ROW(without_the_variable_root_and_others_have_their_places),
        ROW(finding_makes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
