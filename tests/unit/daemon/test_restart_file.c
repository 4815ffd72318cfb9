/* What a load balancer leaves for its successor: the newest list, or none. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../loop/actor.h"
#include "daemon/restart_file.h"
#include "stop.h"

#define SEC NSEC_PER_SEC

/* Stops the loop when what was kept has been written. */
struct waiting {
    struct actor actor;
    const struct restart_file *known;
};

static void look(struct actor *a)
{
    if (!((const struct waiting *)a)->known->busy)
        loop_stop(a->loop);
}

static struct loop *loop;

static void give(struct restart_file *k, qhcp_nsec now, const char *name)
{
    struct proxy_server s = {.name = name, .share = 1};

    s.target.in.sin_family = AF_INET;
    if (strcmp(name, "a:1") != 0)
        restart_file_news(k, false);
    restart_file_keep(k, now, &s, 1);
}

static void wait_for(const struct restart_file *k)
{
    struct waiting w = {.actor.act = look, .known = k};

    actor_add(loop, &w.actor, 'w', true);
    loop_run(loop);
    loop_remove(&w.actor.part);
}

static void keep(struct restart_file *k, qhcp_nsec now, const char *name)
{
    give(k, now, name);
    wait_for(k);
}

static void make_old(const char *path)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);
}

static bool left(const struct restart_file *k, const char *name)
{
    char *text = restart_file_take(k);
    bool found = text && strncmp(text, name, strlen(name)) == 0;

    free(text);
    return found;
}

static void a_list_that_could_not_be_written_does_not_make_the_one_before_it_new(void **state)
{
    char dir[] = "/tmp/qhcp-known-XXXXXX", beside[STATE_PATH + 8];
    struct serve *serve;
    struct restart_file k;

    (void)state;
    loop = actor_begin();
    assert_int_equal(serve_new(loop, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    assert_non_null(mkdtemp(dir));
    setenv("QHCP_STATE_DIR", dir, 1);
    restart_file_init(&k, serve, 80);
    keep(&k, 1 * SEC, "a:1");
    assert_true(left(&k, "a:1 "));
    make_old(k.path);
    assert_false(left(&k, "a:1 "));
    keep(&k, 2 * SEC, "a:1"); /* the twin: it is as true as it was */
    assert_true(left(&k, "a:1 "));

    make_old(k.path);
    snprintf(beside, sizeof beside, "%s.new", k.path);
    assert_int_equal(mkdir(beside, 0700), 0); /* nothing can be written there */
    keep(&k, 3 * SEC, "b:1");
    keep(&k, 4 * SEC, "b:1");
    assert_false(left(&k, "a:1 "));
    assert_int_equal(rmdir(beside), 0);
    keep(&k, 5 * SEC, "b:1");
    assert_true(left(&k, "b:1 "));

    unlink(k.path); /* and one that is removed comes back */
    keep(&k, 6 * SEC, "b:1");
    keep(&k, 7 * SEC, "b:1");
    assert_true(left(&k, "b:1 "));
    unlink(k.path);
    stop_serving(serve);
    restart_file_deinit(&k);
    serve_free(serve);
    actor_end(loop);
    rmdir(dir);
    unsetenv("QHCP_STATE_DIR");
}

/* Which is not there yet, as if it were slow. */
static void the_thread_that_watches_waits_for_no_disk(void **state)
{
    char dir[] = "/tmp/qhcp-known-XXXXXX";
    struct serve *serve;
    struct restart_file k;

    (void)state;
    loop = actor_begin();
    assert_int_equal(serve_new(loop, &serve), 0);
    assert_non_null(mkdtemp(dir));
    setenv("QHCP_STATE_DIR", dir, 1);
    restart_file_init(&k, serve, 80);
    give(&k, 1 * SEC, "a:1");
    assert_false(left(&k, "a:1 "));
    give(&k, 3 * SEC, "b:1"); /* the first is still under way: it comes too early */
    assert_int_equal(serve_start(serve), 0);
    wait_for(&k);
    assert_true(left(&k, "a:1 "));
    keep(&k, 4 * SEC, "b:1");
    assert_true(left(&k, "b:1 "));
    give(&k, 5 * SEC, "c:1");
    stop_serving(serve); /* what was given before is written */
    assert_true(left(&k, "c:1 "));
    unlink(k.path);
    restart_file_deinit(&k);
    serve_free(serve);
    actor_end(loop);
    rmdir(dir);
    unsetenv("QHCP_STATE_DIR");
}

#define MANY (3 * RESTART_FILE_SLICE + 7)

static size_t lines(const struct restart_file *k)
{
    char *text = restart_file_take(k);
    size_t n = 0;

    for (const char *at = text; at && *at; at++)
        n += *at == '\n';
    free(text);
    return n;
}

static void a_long_list_is_made_in_slices(void **state)
{
    static struct proxy_server servers[MANY];
    char dir[] = "/tmp/qhcp-known-XXXXXX";
    struct serve *serve;
    struct restart_file k;
    unsigned slices = 1;

    (void)state;
    loop = actor_begin();
    assert_int_equal(serve_new(loop, &serve), 0);
    assert_int_equal(serve_start(serve), 0);
    assert_non_null(mkdtemp(dir));
    setenv("QHCP_STATE_DIR", dir, 1);
    restart_file_init(&k, serve, 80);
    for (size_t i = 0; i < MANY; i++) {
        servers[i] = (struct proxy_server){.name = "a:1", .share = 1};
        servers[i].target.in.sin_family = AF_INET;
    }
    restart_file_news(&k, true);
    restart_file_keep(&k, SEC, servers, MANY);
    restart_file_keep(&k, 3 * SEC, servers, MANY); /* it is at it */
    for (; restart_file_deadline(&k) == 0; slices++)
        restart_file_expire(&k, servers, MANY);
    assert_int_equal(slices, 4);
    wait_for(&k);
    assert_int_equal(lines(&k), MANY);

    restart_file_news(&k, true); /* half of them are gone while the next text is made */
    restart_file_keep(&k, 5 * SEC, servers, MANY);
    restart_file_news(&k, true);
    while (restart_file_deadline(&k) == 0)
        restart_file_expire(&k, servers, MANY / 2);
    wait_for(&k);
    restart_file_keep(&k, 7 * SEC, servers, MANY / 2);
    while (restart_file_deadline(&k) == 0)
        restart_file_expire(&k, servers, MANY / 2);
    wait_for(&k);
    assert_int_equal(lines(&k), MANY / 2);
    unlink(k.path);
    stop_serving(serve);
    restart_file_deinit(&k);
    serve_free(serve);
    actor_end(loop);
    rmdir(dir);
    unsetenv("QHCP_STATE_DIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_thread_that_watches_waits_for_no_disk),
        cmocka_unit_test(a_long_list_is_made_in_slices),
        cmocka_unit_test(a_list_that_could_not_be_written_does_not_make_the_one_before_it_new),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
