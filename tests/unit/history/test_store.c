/* The history's file: private, bounded, and never another's. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../state/place.h"
#include "history/layout.h"
#include "history/query.h"
#include "history/store.h"

#define MINUTE_MS 60000
#define START_MS INT64_C(1800000000000)

static char words[700];
static const struct words w = {words, sizeof words};

static struct store *open_new(const char *path)
{
    struct store *s;

    assert_int_equal(store_open(path, &s, &w), 0);
    return s;
}

static int64_t put_server(struct store *s, const char *name)
{
    int64_t id = 0;

    assert_int_equal(store_server_put(s,
                                      &(struct store_server){.name = name,
                                                             .address = name,
                                                             .state = "up",
                                                             .cause = "none",
                                                             .since_ms = START_MS},
                                      &id),
                     0);
    return id;
}

static void put_event(struct store *s, int64_t server, int64_t at_ms)
{
    assert_int_equal(store_event_put(s, &(struct store_event){.at_ms = at_ms,
                                                              .server = server,
                                                              .kind = "state",
                                                              .before = "up",
                                                              .after = "down",
                                                              .cause = "silence",
                                                              .words = "no answer"}),
                     0);
}

/* A minute with n samples and an event. */
static void put_minute(struct store *s, int64_t at_ms, size_t n)
{
    assert_int_equal(store_begin(s), 0);
    put_event(s, put_server(s, "a:1"), at_ms);
    assert_int_equal(store_minute(s, at_ms), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(store_sample_put(s, &(struct store_sample){.server = (int64_t)i + 1,
                                                                    .sent = 60,
                                                                    .answered = 60,
                                                                    .rtt_us = 12345,
                                                                    .cpu = STORE_NONE,
                                                                    .memory = 5000,
                                                                    .requests = STORE_NONE,
                                                                    .connections = 100}),
                         0);
    assert_int_equal(store_commit(s), 0);
}

static bool on_event(void *ctx, const struct query_event *e)
{
    int64_t *times = ctx; /* how many, the first, the last */

    times[1] = times[0]++ == 0 ? e->at_ms : times[1];
    times[2] = e->at_ms;
    return true;
}

static bool on_sample(void *ctx, const struct query_sample *sample)
{
    int64_t *times = ctx;

    times[1] = times[0]++ == 0 ? sample->at_ms : times[1];
    times[2] = sample->at_ms;
    return true;
}

struct found {
    int64_t events[3], samples[3];
};

static struct found find(const char *path)
{
    const struct query_range all = {.until_ms = QUERY_ALWAYS, .limit = 1000000};
    const struct query_range first = {.server = 1, .until_ms = QUERY_ALWAYS};
    struct found f = {{0}, {0}};
    struct query *q;

    assert_int_equal(query_open(path, &q, &w), 0);
    assert_int_equal(query_events(q, &all, on_event, f.events), 0);
    assert_int_equal(query_samples(q, &first, on_sample, f.samples), 0);
    query_close(q);
    return f;
}

static void a_file_is_private_and_is_opened_again(void **state)
{
    const char *path = place_path(*state, "h.db");
    struct store *s = open_new(path);
    struct stat st;
    struct found f;

    put_minute(s, START_MS, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(store_is_there(s));
    store_close(s);
    s = open_new(path);
    put_minute(s, START_MS + MINUTE_MS, 1);
    f = find(path);
    assert_int_equal(f.events[0], 2);
    assert_int_equal(f.samples[0], 2);
    assert_int_equal(unlink(path), 0);
    assert_false(store_is_there(s));
    store_close(s);
}

static void what_is_rolled_back_is_not_there(void **state)
{
    const char *path = place_path(*state, "h.db");
    struct store *s = open_new(path);

    put_minute(s, START_MS, 1);
    assert_int_equal(store_begin(s), 0);
    put_event(s, 1, START_MS);
    store_rollback(s);
    store_rollback(s); /* once more: nothing happens */
    assert_int_equal(find(path).events[0], 1);
    store_close(s);
}

static void write_at(const char *path, off_t at, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
    close(fd);
}

static void what_is_damaged_is_set_aside_and_what_is_another_s_is_not(void **state)
{
    const char *path = place_path(*state, "h.db"), *aside = place_path(*state, "h.db.damaged");
    const char *text = place_path(*state, "notes.txt");
    struct store *s = open_new(path);

    put_minute(s, START_MS, 1);
    store_close(s);
    write_at(path, 100, "this is no page of a tree, not of any: see");
    assert_int_equal(store_open(path, &s, &w), QHCP_E_PARSE);
    assert_non_null(strstr(words, path));
    assert_int_equal(store_set_aside(path, false, &w), 0);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_not_equal(access(path, F_OK), 0);
    s = open_new(path);
    store_close(s);

    write_at(text, 0, "these are the notes of somebody, of no database at all");
    assert_int_equal(store_open(text, &s, &w), QHCP_E_PARSE);
    assert_int_equal(store_set_aside(text, false, &w), QHCP_E_ARG);
    assert_int_equal(access(text, F_OK), 0);
    assert_int_equal(store_set_aside(text, true, &w), 0); /* the twin: under a name of ours */
    assert_int_equal(store_open(place_path(*state, ""), &s, &w), QHCP_E_IO);
}

static void change(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_version_s_file_is_read_and_not_written(void **state)
{
    const char *path = place_path(*state, "h.db"), *other = place_path(*state, "other.db");
    struct store *s = open_new(path);
    struct query *q;

    put_minute(s, START_MS, 1);
    store_close(s);
    change(path, "PRAGMA user_version=7; ALTER TABLE event ADD COLUMN more TEXT");
    assert_int_equal(store_open(path, &s, &w), QHCP_E_EXISTS);
    assert_non_null(strstr(words, "schema 7, this one knows 1"));
    assert_int_equal(find(path).events[0], 1);
    assert_int_equal(query_open(path, &q, &w), 0);
    assert_true(query_newer(q));
    query_close(q);
    change(path, "PRAGMA user_version=1"); /* the twin */
    s = open_new(path);
    store_close(s);

    change(other, "CREATE TABLE bookmarks(url TEXT)");
    assert_int_equal(store_open(other, &s, &w), QHCP_E_ARG);
}

static void an_older_version_s_file_is_brought_forward_whole_or_not_at_all(void **state)
{
    static const char *const good[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)",
                                       "INSERT INTO a VALUES(1)"};
    static const char *const bad[] = {"", "CREATE TABLE c(x)", "nonsense"};
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place_path(*state, "m.db"), &db), SQLITE_OK);
    assert_int_equal(layout_steps(db, 0, good, 1), SQLITE_OK);
    assert_int_equal(layout_version(db), 1);
    assert_int_equal(layout_steps(db, 1, bad, 3), SQLITE_ERROR);
    assert_int_equal(layout_version(db), 1);
    assert_int_equal(layout_steps(db, 1, good, 3), SQLITE_OK);
    assert_int_equal(layout_version(db), 3);
    assert_int_equal(sqlite3_exec(db, "SELECT a.x FROM a, b", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT x FROM c", NULL, NULL, NULL), SQLITE_ERROR);
    sqlite3_close(db);
}

#define MOST 400000

static void the_oldest_goes_where_there_is_no_room(void **state)
{
    const char *path = place_path(*state, "h.db");
    struct store *s = open_new(path);
    struct found f;
    struct stat st;
    int64_t at = START_MS;

    for (int i = 0; i < 300; i++, at += MINUTE_MS) {
        put_minute(s, at, 100);
        assert_int_equal(store_prune(s, 0, MOST), 0);
        assert_true(store_bytes(s) < MOST + 20000);
    }
    f = find(path);
    assert_true(f.samples[0] > 50 && f.samples[0] < 200);
    assert_int_equal(f.samples[2], at - MINUTE_MS);
    assert_true(f.events[1] >= f.samples[1] - MINUTE_MS);
    assert_int_equal(store_prune(s, 0, MOST / 2), 0); /* a smaller limit gives room back */
    for (int i = 0; i < 10; i++)
        assert_int_equal(store_prune(s, 0, MOST / 2), 0);
    store_close(s);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size < MOST);
}

static void events_alone_are_bounded_too(void **state)
{
    struct store *s = open_new(place_path(*state, "h.db"));

    for (int i = 0; i < 40; i++) {
        assert_int_equal(store_begin(s), 0);
        for (int k = 0; k < 500; k++)
            put_event(s, 0, START_MS);
        assert_int_equal(store_prune(s, 0, MOST), 0);
        assert_int_equal(store_commit(s), 0);
    }
    assert_true(store_bytes(s) < MOST + 100000);
    store_close(s);
}

/* The order is that of writing: a clock that was ahead for a moment takes nothing away. */
static void a_clock_that_jumps_deletes_nothing_that_is_new(void **state)
{
    const int64_t year = INT64_C(365) * 24 * 60 * MINUTE_MS;
    const char *path = place_path(*state, "h.db");
    struct store *s = open_new(path);
    struct found f;

    put_minute(s, START_MS, 2);
    put_minute(s, START_MS + year, 2);
    put_minute(s, START_MS - year, 2);
    put_minute(s, START_MS + MINUTE_MS, 2);
    assert_int_equal(store_prune(s, START_MS - 1000, UINT64_MAX), 0);
    f = find(path);
    assert_int_equal(f.samples[0], 4);
    assert_int_equal(f.samples[1], START_MS);
    assert_int_equal(f.samples[2], START_MS + MINUTE_MS);
    assert_int_equal(f.events[2], START_MS + MINUTE_MS);
    /* by age: the first is too old, the one that claims to be of next year holds the rest */
    assert_int_equal(store_prune(s, START_MS + 1000, UINT64_MAX), 0);
    f = find(path);
    assert_int_equal(f.samples[0], 3);
    assert_int_equal(f.events[0], 3);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_private_and_is_opened_again, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(what_is_rolled_back_is_not_there, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(what_is_damaged_is_set_aside_and_what_is_another_s_is_not,
                                        place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_newer_version_s_file_is_read_and_not_written, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(
            an_older_version_s_file_is_brought_forward_whole_or_not_at_all, place_setup,
            place_teardown),
        cmocka_unit_test_setup_teardown(the_oldest_goes_where_there_is_no_room, place_setup,
                                        place_teardown),
        cmocka_unit_test_setup_teardown(events_alone_are_bounded_too, place_setup, place_teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_jumps_deletes_nothing_that_is_new, place_setup,
                                        place_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
