/* Files read and written, tickets, derived keys. */
#include "place.h"

#include <dirent.h>
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

#include "state/ticket.h"

static int read_it(struct place *p, const char *name, bool private, size_t max)
{
    char *text;
    size_t n;
    int error =
        state_read_file(place_path(p, name), private, max, &text, &n, p->words, sizeof p->words);

    if (!error)
        free(text);
    return error;
}

static void a_file_is_read_whole_with_its_length_and_a_nul(void **state)
{
    struct place *p = *state;
    char big[20000], *text;
    size_t n;

    memset(big, 'b', sizeof big);
    big[sizeof big - 1] = '\0';
    place_write(place_path(p, "f"), big, 0600);
    text = place_read(place_path(p, "f"), &n);
    assert_int_equal(n, sizeof big - 1);
    assert_string_equal(text, big);
    free(text);
    place_write(place_path(p, "f"), "", 0600);
    free(place_read(place_path(p, "f"), &n));
    assert_int_equal(n, 0);
    free(place_read(place_path(p, "f"), NULL));
}

static void a_private_file_must_be_unreadable_for_others(void **state)
{
    struct place *p = *state;

    place_write(place_path(p, "f"), " {}", 0644);
    assert_int_equal(read_it(p, "f", true, 10), QHCP_E_PERMISSION);
    place_says(p, "mode 0644");
    place_says(p, "chmod 600");
    assert_int_equal(read_it(p, "f", false, 10), 0);
    place_write(place_path(p, "g"), "root:x:0:0",
                0644); /* whoever obeyed would break /etc/passwd */
    assert_int_equal(read_it(p, "g", true, 10), QHCP_E_PERMISSION);
    place_says(p, "is it the right file?");
    assert_null(strstr(p->words, "chmod"));
    chmod(place_path(p, "f"), 0400);
    assert_int_equal(read_it(p, "f", true, 10), 0);
}

static void a_file_that_is_believed_must_be_unwritable_for_others(void **state)
{
    static const unsigned refused[] = {0664, 0646, 0666, 0620, 0602}, fine[] = {0644, 0600, 0444};
    struct place *p = *state;
    char advice[300];

    place_write(place_path(p, "f"), "x", 0644);
    snprintf(advice, sizeof advice, "chmod go-w %s", place_path(p, "f"));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        chmod(place_path(p, "f"), refused[i]);
        assert_int_equal(read_it(p, "f", false, 10), QHCP_E_PERMISSION);
        place_says(p, "other users can change");
        place_says(p, advice);
    }
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        chmod(place_path(p, "f"), fine[i]);
        assert_int_equal(read_it(p, "f", false, 10), 0);
    }
}

static void a_link_is_followed_and_its_target_judged(void **state)
{
    struct place *p = *state;

    place_write(place_path(p, "f"), "x", 0644);
    assert_int_equal(symlink(place_path(p, "f"), place_path(p, "l")), 0);
    assert_int_equal(read_it(p, "l", true, 10), QHCP_E_PERMISSION);
    chmod(place_path(p, "f"), 0600);
    assert_int_equal(read_it(p, "l", true, 10), 0);
}

static void what_is_no_file_or_too_large_or_absent_is_told_and_nothing_hangs(void **state)
{
    struct place *p = *state;

    assert_int_equal(read_it(p, "none", false, 10), QHCP_E_NOT_FOUND);
    place_says(p, place_path(p, "none"));
    assert_int_equal(read_it(p, "", false, 10), QHCP_E_IO);
    place_says(p, "directory");
    assert_int_equal(mkfifo(place_path(p, "fifo"), 0600), 0);
    assert_int_equal(read_it(p, "fifo", true, 10), QHCP_E_IO);
    place_says(p, "not a regular file");
    place_write(place_path(p, "f"), "0123456789a", 0600);
    assert_int_equal(read_it(p, "f", false, 10), QHCP_E_TOO_LARGE);
    place_says(p, "too large");
    assert_int_equal(read_it(p, "f", false, 11), 0);
}

static int write_it(struct place *p, const char *name, const char *text, unsigned mode)
{
    return state_write_file(place_path(p, name), slice_str(text), mode, p->words, sizeof p->words);
}

static size_t count_entries(const char *path)
{
    size_t n = 0;
    DIR *d = opendir(path);

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void a_file_is_written_whole_with_its_mode(void **state)
{
    struct place *p = *state;
    struct stat st;
    char *text;

    umask(0);
    assert_int_equal(write_it(p, "f", "one", 0600), 0);
    umask(077);
    assert_int_equal(write_it(p, "g", "two", 0644), 0);
    umask(022);
    assert_int_equal(write_it(p, "f", "three", 0600), 0);
    assert_int_equal(stat(place_path(p, "f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(place_path(p, "g"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    text = place_read(place_path(p, "f"), NULL);
    assert_string_equal(text, "three");
    free(text);
    assert_int_equal(count_entries(p->root), 2);
}

static void only_a_file_is_replaced_by_a_written_one(void **state)
{
    struct place *p = *state;

    assert_int_equal(mkfifo(place_path(p, "fifo"), 0600), 0);
    assert_int_equal(write_it(p, "fifo", "x", 0600), QHCP_E_IO);
    place_says(p, "not a regular file");
    assert_int_equal(write_it(p, "", "x", 0600), QHCP_E_IO);
    assert_int_equal(symlink("fifo", place_path(p, "l")), 0);
    assert_int_equal(write_it(p, "l", "x", 0600), QHCP_E_IO);
    place_says(p, "symbolic link");
    assert_int_equal(write_it(p, "none/f", "x", 0600), QHCP_E_NOT_FOUND);
    place_says(p, "none/f");
    assert_int_equal(count_entries(p->root), 2);
}

static void a_write_that_fails_leaves_the_old_file_and_nothing_beside(void **state)
{
    struct place *p = *state;
    int status;
    char *text;
    pid_t pid;

    assert_int_equal(write_it(p, "f", "old", 0600), 0);
    pid = fork();
    if (pid == 0) {
        const struct rlimit r = {2, 2};

        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &r);
        _exit(write_it(p, "f", "newer", 0600) == QHCP_E_IO ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    text = place_read(place_path(p, "f"), NULL);
    assert_string_equal(text, "old");
    free(text);
    assert_int_equal(count_entries(p->root), 1);
}

static const struct slice key_a = {(const uint8_t *)"a", 1}, key_b = {(const uint8_t *)"b", 1};

/* The one file in tickets/. */
static void ticket_file(const struct place *p, char ret[STATE_PATH])
{
    DIR *d = opendir(place_path(p, "a/tickets"));
    struct dirent *e;

    assert_non_null(d);
    ret[0] = '\0';
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            snprintf(ret, STATE_PATH, "%s/%s", place_path(p, "a/tickets"), e->d_name);
    closedir(d);
    assert_true(ret[0]);
}

static int load_ticket(const struct state *s, struct slice key)
{
    uint8_t buf[16];
    size_t n;

    return state_ticket_load(s, key, buf, sizeof buf, &n);
}

static void a_ticket_comes_back_under_its_key_only(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", time(NULL));
    char path[STATE_PATH];
    struct stat st;
    uint8_t buf[16];
    size_t n;

    assert_int_equal(load_ticket(&s, key_a), QHCP_E_NOT_FOUND);
    assert_int_equal(state_ticket_store(&s, key_a, slice_str("ticket")), 0);
    assert_int_equal(state_ticket_load(&s, key_a, buf, sizeof buf, &n), 0);
    assert_int_equal(n, 6);
    assert_memory_equal(buf, "ticket", 6);
    assert_int_equal(load_ticket(&s, key_b), QHCP_E_NOT_FOUND);
    assert_int_equal(state_ticket_load(&s, key_a, buf, 5, &n), QHCP_E_TOO_LARGE);
    ticket_file(p, path);
    assert_null(strstr(path, "a/tickets/a"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    state_ticket_drop(&s, key_a);
    assert_int_equal(load_ticket(&s, key_a), QHCP_E_NOT_FOUND);
    assert_int_equal(state_ticket_store(&s, key_a, slice_str("")), QHCP_E_TOO_LARGE);
}

static void set_age(const char *path, int64_t seconds)
{
    const struct timespec times[2] = {{time(NULL) - seconds, 0}, {time(NULL) - seconds, 0}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void a_ticket_is_worth_nothing_after_a_day_or_from_the_future(void **state)
{
    static const struct {
        int64_t age;
        int want;
    } rows[] = {{23 * 3600, 0}, {24 * 3600 + 1, QHCP_E_NOT_FOUND}, {-3600, QHCP_E_NOT_FOUND}};
    struct place *p = *state;
    struct state s = place_make(p, "a", time(NULL));

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[STATE_PATH];

        assert_int_equal(state_ticket_store(&s, key_a, slice_str("x")), 0);
        ticket_file(p, path);
        set_age(path, rows[i].age);
        assert_int_equal(load_ticket(&s, key_a), rows[i].want);
        assert_int_equal(access(path, F_OK) == 0, rows[i].want == 0);
    }
}

static void a_ticket_that_others_could_read_is_dropped(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", time(NULL));
    char path[STATE_PATH];

    assert_int_equal(state_ticket_store(&s, key_a, slice_str("x")), 0);
    assert_int_equal(load_ticket(&s, key_a), 0);
    ticket_file(p, path);
    chmod(path, 0644);
    assert_int_equal(load_ticket(&s, key_a), QHCP_E_NOT_FOUND);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_start_prunes_what_is_old_and_keeps_what_is_not(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", time(NULL));
    char path[STATE_PATH];

    assert_int_equal(state_ticket_store(&s, key_a, slice_str("x")), 0);
    ticket_file(p, path);
    set_age(path, 25 * 3600);
    place_write(place_path(p, "a/tickets/half.Xa"), "x", 0600);
    set_age(place_path(p, "a/tickets/half.Xa"), 2 * 3600);
    assert_int_equal(state_ticket_store(&s, key_b, slice_str("x")), 0);
    assert_int_equal(count_entries(place_path(p, "a/tickets")), 3);
    place_make(p, "a", time(NULL));
    assert_int_equal(count_entries(place_path(p, "a/tickets")), 1);
    assert_int_equal(load_ticket(&s, key_b), 0);
}

static void the_tickets_directory_has_a_bound(void **state)
{
    struct place *p = *state;
    struct state s = place_make(p, "a", time(NULL));

    for (uint32_t i = 0; i < TICKET_FILES + 10; i++)
        assert_int_equal(state_ticket_store(&s, slice_of(&i, sizeof i), slice_str("x")), 0);
    place_make(p, "a", time(NULL));
    assert_int_equal(count_entries(place_path(p, "a/tickets")), TICKET_FILES);
}

/* The expected value was computed by an independent HKDF (RFC 5869) over SHA-256. */
static void derived_keys_are_hkdf_of_purpose_address_and_port(void **state)
{
    static const uint8_t want[32] = {0x48, 0x5e, 0xbf, 0x92, 0x7e, 0x7d, 0x44, 0x6a,
                                     0xc1, 0xa1, 0x69, 0xd2, 0x51, 0xa7, 0xd9, 0x0b,
                                     0x4d, 0xac, 0x86, 0x55, 0x57, 0x69, 0x53, 0xee,
                                     0x07, 0x17, 0x5d, 0x66, 0xb5, 0x04, 0x0d, 0x6c};
    struct state s = {.imported = false};
    uint8_t got[32], other[32];

    (void)state;
    for (uint8_t i = 0; i < sizeof s.secret; i++)
        s.secret[i] = i;
    state_derive(&s, "stateless reset", "192.0.2.1", 4243, got);
    assert_memory_equal(got, want, 32);
    state_derive(&s, "retry", "192.0.2.1", 4243, other);
    assert_memory_not_equal(got, other, 32);
    state_derive(&s, "stateless reset", "192.0.2.2", 4243, other);
    assert_memory_not_equal(got, other, 32);
    state_derive(&s, "stateless reset", "192.0.2.1", 4244, other);
    assert_memory_not_equal(got, other, 32);
    s.secret[0] ^= 1;
    state_derive(&s, "stateless reset", "192.0.2.1", 4243, other);
    assert_memory_not_equal(got, other, 32);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_file_is_read_whole_with_its_length_and_a_nul),
        ROW(a_private_file_must_be_unreadable_for_others),
        ROW(a_file_that_is_believed_must_be_unwritable_for_others),
        ROW(a_link_is_followed_and_its_target_judged),
        ROW(what_is_no_file_or_too_large_or_absent_is_told_and_nothing_hangs),
        ROW(a_file_is_written_whole_with_its_mode),
        ROW(only_a_file_is_replaced_by_a_written_one),
        ROW(a_write_that_fails_leaves_the_old_file_and_nothing_beside),
        ROW(a_ticket_comes_back_under_its_key_only),
        ROW(a_ticket_is_worth_nothing_after_a_day_or_from_the_future),
        ROW(a_ticket_that_others_could_read_is_dropped),
        ROW(a_start_prunes_what_is_old_and_keeps_what_is_not),
        ROW(the_tickets_directory_has_a_bound),
        ROW(derived_keys_are_hkdf_of_purpose_address_and_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
