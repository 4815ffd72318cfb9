/* What is recorded of a fleet: whatever happens to the process, the file or the disk. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../state/place.h"
#include "base/os/clock.h"
#include "history/query.h"
#include "history/recorder.h"

#define RING 16
#define START_MS INT64_C(1800000000000)
#define SEC NSEC_PER_SEC

static struct feed *feed;
static struct loop *loop;
static struct recorder recorder;
static qhcp_nsec now;
static char said[2000]; /* to the log */
static char words[700];
static const struct words w = {words, sizeof words};

static void say(void *ctx, enum qhcp_log_level level, const char *text)
{
    (void)ctx;
    assert_true(level <= QHCP_LOG_WARNING);
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", text);
}

static int setup(void **state)
{
    said[0] = '\0';
    now = clock_monotonic();
    recorder = (struct recorder){.reader = NULL};
    if (place_setup(state) != 0 || loop_new(NULL, &loop) != 0)
        return -1;
    return feed_new(RING, &feed);
}

static int teardown(void **state)
{
    recorder_end(&recorder);
    feed_free(feed);
    loop_free(loop);
    return place_teardown(state);
}

static int64_t wall(void)
{
    return START_MS + (int64_t)(now / NSEC_PER_MSEC);
}

static void begin(const char *path)
{
    struct recorder_config c = {
        .max_bytes = 100000000, .max_age_ms = INT64_MAX / 4, .version = "1.2.3", .say = say};

    snprintf(c.path, sizeof c.path, "%s", path);
    assert_int_equal(recorder_begin(&recorder, loop, feed, &c), 0);
}

static void turn(qhcp_nsec after)
{
    now += after;
    recorder_turn(&recorder, now, wall());
}

static uint32_t add(const char *name)
{
    uint32_t slot;

    assert_int_equal(feed_add(feed, name, &slot), 0);
    return slot;
}

static void state_is(uint32_t slot, enum qhcp_state to, const char *reason)
{
    struct fleet_entry *e = feed_change(feed, slot);
    struct fleet_change c = {.kind = FLEET_STATE, .slot = slot, .to = (uint8_t)to, .at = now};

    c.key = e->key;
    c.from = (uint8_t)e->verdict.state;
    c.at_ms = wall();
    snprintf(c.name, sizeof c.name, "%s", fleet_text(e, FLEET_NAME));
    snprintf(c.words, sizeof c.words, "%s", reason);
    snprintf(c.who, sizeof c.who, "%s", "root");
    e->verdict.state = to;
    e->verdict.since = now;
    e->verdict.checks_sent += 60;
    e->verdict.checks_ok += 59;
    e->verdict.rtt_us = 250;
    assert_int_equal(feed_text(feed, e, FLEET_WORDS, reason), 0);
    feed_tell(feed, &c);
}

static void publish(void)
{
    assert_int_equal(feed_publish(feed, now, wall()), 0);
}

/* All events as "kind server words;" and how many samples server 1 has. */
struct seen {
    char text[4000];
    size_t samples;
    struct query_sample last;
};

static bool on_event(void *ctx, const struct query_event *e)
{
    struct seen *s = ctx;
    size_t n = strlen(s->text);

    snprintf(s->text + n, sizeof s->text - n, "%s %s %s>%s %s;", e->kind, e->server, e->before,
             e->after, e->words);
    return true;
}

static bool on_sample(void *ctx, const struct query_sample *sample)
{
    struct seen *s = ctx;

    s->samples++;
    s->last = *sample;
    return true;
}

static struct seen look(const char *path)
{
    const struct query_range all = {.until_ms = QUERY_ALWAYS, .limit = 1000};
    struct seen s = {.samples = 0};
    struct query_server server;
    struct query *q;

    assert_int_equal(query_open(path, &q, &w), 0);
    assert_int_equal(query_events(q, &all, on_event, &s), 0);
    if (query_find(q, "a:1", &server, &w) == 0) {
        const struct query_range own = {.server = server.id, .until_ms = QUERY_ALWAYS};
        assert_int_equal(query_samples(q, &own, on_sample, &s), 0);
    }
    query_close(q);
    return s;
}

static void changes_and_samples_are_there_after_a_turn(void **state)
{
    const char *path = place_path(*state, "h.db");
    uint32_t a = add("a:1");
    struct seen s;

    publish();
    begin(path);
    state_is(a, QHCP_UP, "serving");
    publish();
    turn(SEC);
    s = look(path);
    assert_string_equal(s.text,
                        "started  > qhcp 1.2.3 watches 1 server;state a:1 connecting>up serving;");
    assert_int_equal(s.samples, 0);
    turn(5 * SEC);
    turn(SEC);
    assert_int_equal(look(path).samples, 1);
    turn(60 * SEC);
    s = look(path);
    assert_int_equal(s.samples, 2);
    assert_int_equal(s.last.sent, 0); /* since the one before */
    assert_int_equal(s.last.rtt_us, 250);
    assert_int_equal(s.last.cpu, QUERY_UNKNOWN);
    assert_int_equal(s.last.state, QHCP_UP);
    recorder_end(&recorder);
    assert_non_null(strstr(look(path).text, "stopped"));
    assert_string_equal(said, "");
}

static bool on_server(void *ctx, const struct query_server *s)
{
    *(struct query_server *)ctx = *s;
    return true;
}

static void what_the_list_says_is_followed(void **state)
{
    const char *path = place_path(*state, "h.db");
    struct fleet_change c = {.kind = FLEET_LISTED};
    struct query_server server;
    struct fleet_entry *e;
    struct query *q;

    e = feed_change(feed, add("a:1"));
    assert_int_equal(feed_text(feed, e, FLEET_ADDRESS, "a:1"), 0);
    assert_int_equal(feed_text(feed, e, FLEET_LABEL, "a:1"), 0); /* no name */
    publish();
    begin(path);
    turn(SEC);
    assert_int_equal(query_open(path, &q, &w), 0);
    assert_int_equal(query_servers(q, on_server, &server), 0);
    assert_string_equal(server.label, "");
    e = feed_change(feed, 0);
    assert_int_equal(feed_text(feed, e, FLEET_LABEL, "web1"), 0);
    assert_int_equal(feed_text(feed, e, FLEET_TAGS, "eu|blue"), 0);
    c.key = e->key;
    feed_tell(feed, &c);
    publish();
    turn(SEC);
    assert_int_equal(query_find(q, "web1", &server, &w), 0);
    assert_string_equal(server.name, "a:1");
    assert_string_equal(server.tags, "eu|blue");
    query_close(q);
}

static void what_was_written_survives_a_kill(void **state)
{
    const char *path = place_path(*state, "h.db");
    uint32_t a = add("a:1");
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        publish();
        begin(path);
        state_is(a, QHCP_UP, "serving");
        publish();
        turn(SEC);
        state_is(a, QHCP_DOWN, "no answer");
        publish();
        turn(SEC);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_non_null(strstr(look(path).text, "state a:1 up>down no answer;"));
    publish();
    begin(path); /* the next process goes on in the same file */
    turn(SEC);
    assert_non_null(strstr(look(path).text, "no answer;started"));
    assert_string_equal(said, "");
}

/* A file system of a few pages, or where nobody may make one a limit on files. */
static bool small_disk(const char *dir)
{
    struct rlimit few = {.rlim_cur = 100000, .rlim_max = RLIM_INFINITY};

    assert_int_equal(mkdir(dir, 0700), 0);
    if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
        mount("tmpfs", dir, "tmpfs", 0, "size=160k") == 0)
        return true;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &few), 0);
    return false;
}

static void more_room(const char *dir, bool mounted)
{
    struct rlimit all = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};

    if (mounted)
        assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=4m"), 0);
    else
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
}

static void a_full_disk_is_said_once_and_forgotten_when_there_is_room(void **state)
{
    const char *dir = place_path(*state, "disk");
    bool mounted = small_disk(dir);
    uint32_t a = add("a:1");
    char path[400], *first;
    int n = 0;

    snprintf(path, sizeof path, "%s/h.db", dir);
    publish();
    begin(path);
    for (; said[0] == '\0' && n < 1000; n++) {
        for (int k = 0; k < 10; k++)
            state_is(a, k % 2 ? QHCP_UP : QHCP_DOWN, "flapping");
        publish();
        turn(SEC);
    }
    first = strstr(said, mounted ? "no room on the disk" : "the history is not written");
    assert_non_null(first);
    state_is(a, QHCP_DOWN, "while it was full");
    publish();
    turn(11 * SEC);
    turn(11 * SEC);
    assert_null(strstr(first + strlen("the history is"), "the history is not written")); /* once */
    more_room(dir, mounted);
    turn(11 * SEC);
    assert_non_null(strstr(said, "the history is written again"));
    assert_non_null(strstr(look(path).text, "while it was full"));
    recorder_end(&recorder);
    if (mounted)
        assert_int_equal(umount2(dir, MNT_DETACH), 0);
}

static void a_damaged_file_is_set_aside_and_said(void **state)
{
    const char *path = place_path(*state, "h.db"), *aside = place_path(*state, "h.db.damaged");
    uint32_t a = add("a:1");
    int fd;

    publish();
    begin(path);
    turn(SEC);
    recorder_end(&recorder);
    fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "rubbish rubbish rubbish rubbish", 31, 100), 31);
    close(fd);
    begin(path);
    state_is(a, QHCP_UP, "serving");
    publish();
    turn(SEC);
    assert_non_null(strstr(said, "the history was damaged"));
    assert_non_null(strstr(said, aside));
    assert_int_equal(access(aside, F_OK), 0);
    assert_non_null(strstr(look(path).text, "state a:1 connecting>up serving;"));
}

static void a_file_that_is_removed_is_begun_again(void **state)
{
    const char *path = place_path(*state, "h.db");
    uint32_t a = add("a:1");

    publish();
    begin(path);
    turn(SEC);
    turn(SEC);
    assert_int_equal(unlink(path), 0);
    turn(61 * SEC);
    state_is(a, QHCP_UP, "serving");
    publish();
    turn(61 * SEC);
    assert_non_null(strstr(said, "not there any more"));
    assert_non_null(strstr(look(path).text, "serving"));
}

static void a_newer_version_s_file_is_left_alone(void **state)
{
    const char *path = place_path(*state, "h.db");
    char command[600];
    struct store *s;

    assert_int_equal(store_open(path, &s, &w), 0);
    store_close(s);
    snprintf(command, sizeof command, "PRAGMA user_version=99");
    {
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, command, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
    }
    add("a:1");
    publish();
    begin(path);
    turn(SEC);
    turn(61 * SEC);
    assert_non_null(strstr(said, "newer version"));
    assert_non_null(strstr(said, "--history"));
    assert_null(strchr(strchr(said, '\n') + 1, '\n')); /* once */
    assert_string_equal(look(path).text, "");
}

static void changes_that_were_missed_are_said_to_be(void **state)
{
    const char *path = place_path(*state, "h.db");
    uint32_t a = add("a:1");
    struct seen s;

    publish();
    begin(path);
    turn(SEC);
    for (int i = 0; i < RING + 5; i++)
        state_is(a, i % 2 ? QHCP_UP : QHCP_DOWN, "flapping");
    publish();
    turn(SEC);
    s = look(path);
    assert_non_null(strstr(s.text, "gap"));
    assert_null(strstr(s.text, "flapping"));
    state_is(a, QHCP_UP, "serving"); /* the twin */
    publish();
    turn(SEC);
    assert_non_null(strstr(look(path).text, "serving"));
}

static void after_a_hand_over_the_other_process_writes(void **state)
{
    const char *path = place_path(*state, "h.db");
    uint32_t a = add("a:1");

    publish();
    begin(path);
    turn(SEC);
    recorder_silence(&recorder);
    state_is(a, QHCP_DOWN, "our sessions end");
    publish();
    turn(SEC);
    recorder_end(&recorder);
    assert_string_equal(look(path).text, "started  > qhcp 1.2.3 watches 1 server;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_and_samples_are_there_after_a_turn, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_list_says_is_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_survives_a_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said_once_and_forgotten_when_there_is_room,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_set_aside_and_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_removed_is_begun_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_version_s_file_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(changes_that_were_missed_are_said_to_be, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_hand_over_the_other_process_writes, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
