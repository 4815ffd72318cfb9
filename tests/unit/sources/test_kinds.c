/* Sources on a loop: what comes of files, names and commands, and of what is wrong with them. */
#include "../words.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../loop/actor.h"
#include "nameserver.h"
#include "sources/sources.h"

static struct loop *loop;
static struct sources *all;
static struct nameserver names;
static struct sources_change *got;
static char dir[64];
static struct list servers, specs;
static char spec_text[4][300];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/qhcp-sources-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    loop = actor_begin();
    nameserver_begin(&names, loop);
    specs = servers = (struct list){0};
    got = NULL;
    return sources_new(loop, &all);
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    sources_free(all);
    sources_change_free(got);
    got = NULL;
    nameserver_end(&names);
    actor_end(loop);
    list_deinit(&servers);
    list_deinit(&specs);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command);
}

static void on_change(void *ctx, struct sources_change *change)
{
    (void)ctx;
    sources_change_free(got);
    got = change;
    loop_stop(loop);
}

/* The next difference.  (A loop that hangs fails the test.) */
static struct sources_change *next(void)
{
    struct sources_change *before = got;

    sources_want(all, loop_now(), on_change, NULL);
    if (got == before)
        loop_run(loop);
    assert_ptr_not_equal(got, NULL);
    return got;
}

static void add(const char *fmt, const char *a, const char *b)
{
    char *text = spec_text[specs.n];

    snprintf(text, sizeof spec_text[0], fmt, a, b);
    assert_int_equal(list_add(&specs, text, strlen(text), NULL), 0);
}

static void set(void)
{
    assert_int_equal(sources_set(all, loop_now(), &servers, &specs), 0);
}

static const char *path(const char *name)
{
    static char ret[200];

    snprintf(ret, sizeof ret, "%s/%s", dir, name);
    return ret;
}

static void write_file(const char *name, const char *content)
{
    FILE *f = fopen(path(name), "w");

    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

/* As a careful writer does it: under another name, then in its place. */
static void replace_file(const char *name, const char *content)
{
    char to[200];

    write_file(".new", content);
    snprintf(to, sizeof to, "%s", path(name));
    assert_int_equal(rename(path(".new"), to), 0);
}

static void assert_list(const struct list *l, size_t n, const char *first)
{
    if (l->n != n)
        fail_msg("%zu instead of %zu", l->n, n);
    if (n > 0)
        assert_string_equal(l->at[0], first);
}

static void assert_change(const struct sources_change *c, size_t added, size_t changed,
                          size_t removed)
{
    assert_int_equal(c->added.n, added);
    assert_int_equal(c->changed.n, changed);
    assert_int_equal(c->removed.n, removed);
}

/* The next difference in which this source fails, with these words. */
static struct source_state failing(size_t source, const char *what)
{
    struct source_state states[4];

    do
        (void)next();
    while (got->states[source].failing_since == 0);
    assert_says(got->states[source].words, what);
    assert_true(got->notes != NULL && got->notes->warning);
    assert_says(got->notes->words, what);
    assert_change(got, 0, 0, 0);
    assert_true(sources_states(all, states, 4) > source);
    assert_string_equal(states[source].words, got->states[source].words);
    return got->states[source];
}

static void what_is_there_at_once_is_in_the_first_difference(void **state)
{
    (void)state;
    assert_int_equal(list_add(&servers, "10.0.0.1:1", 10, NULL), 0);
    write_file("a.txt", "10.0.0.2:1 weight=3 # one\n10.0.0.1:1\n");
    add("file %s weight=2 priority=1", path("a.txt"), "");
    add("list 10.0.0.3:1,10.0.0.4:1", "", "");
    set();
    next();
    assert_change(got, 4, 0, 0);
    assert_int_equal(got->servers, 4);
    assert_string_equal(got->added.at[1], "10.0.0.2:1 weight=3 priority=1");
    assert_int_equal(got->n_states, 3);
    assert_string_equal(got->states[0].name, "--servers");
    assert_int_equal(got->states[1].servers, 2);
    assert_says(got->notes->words, "10.0.0.1:1 is named by \"--servers\" and by \"file ");
}

static void a_file_is_followed_and_what_cannot_be_used_changes_nothing(void **state)
{
    (void)state;
    write_file("a.txt", "10.0.0.1:1\n10.0.0.2:1\n");
    add("file %s", path("a.txt"), "");
    set();
    next();
    replace_file("a.txt", "10.0.0.2:1 weight=2\n10.0.0.3:1\n");
    next();
    assert_change(got, 1, 1, 1);
    write_file("a.txt", "10.0.0.2:1 weight=2\n10.0.0.3:1\n10.0.0.4:1\n"); /* in place */
    next();
    assert_change(got, 1, 0, 0);
    write_file("a.txt", "10.0.0.2:1\n10.0.0.3\n");
    assert_int_equal(failing(0, "a.txt:2:1: \"10.0.0.3\": no port").servers, 3);
    write_file("a.txt", "# none\n");
    failing(0, "allow-empty");
    assert_says(got->notes->words, "keeping its 3 servers, confirmed 0 s ago");
    unlink(path("a.txt"));
    failing(0, "a.txt");
    replace_file("a.txt", "10.0.0.2:1 weight=2\n");
    next();
    assert_change(got, 0, 0, 2);
    assert_says(got->notes->words, "works again, and names 1 server");
}

static void two_changes_of_a_moment_are_one(void **state)
{
    (void)state;
    write_file("a.txt", "10.0.0.1:1\n");
    write_file("b.txt", "10.0.0.2:1\n");
    write_file(".hidden", "10.0.0.3\n");
    write_file("c.txt~", "10.0.0.3\n");
    add("file %s", dir, "");
    add("file_sd %s/*.json", dir, "");
    set();
    next();
    assert_change(got, 2, 0, 0);
    unlink(path("b.txt"));
    write_file("a.txt", "10.0.0.1:1 weight=7\n");
    write_file("d.txt", "10.0.0.4:1\n");
    next();
    assert_change(got, 1, 1, 1);
    write_file("s.json",
               "[{\"targets\":[\"10.0.0.9:1\"]}]"); /* it is in the directory, and no list */
    next();
    assert_change(got, 1, 0, 0);
    assert_says(got->states[0].words, "s.json");
    assert_int_equal(got->states[0].servers, 2);
}

static void an_empty_list_is_taken_where_that_is_allowed(void **state)
{
    (void)state;
    write_file("a.json", "[{\"targets\":[\"10.0.0.9:1\"],\"labels\":{\"qhcp_weight\":\"3\"}}]");
    add("file_sd %s allow-empty", path("a.json"), "");
    set();
    next();
    assert_list(&got->added, 1, "10.0.0.9:1 weight=3");
    replace_file("a.json", "[]");
    next();
    assert_change(got, 0, 0, 1);
}

/* A new source may name what the one before it named: nothing goes before it has answered. */
static void a_source_that_takes_another_ones_place_disturbs_no_server(void **state)
{
    (void)state;
    names.v4 = 2;
    add("list 10.0.0.1:1,10.0.0.2:1,10.0.0.7:1", "", "");
    set();
    next();
    list_deinit(&specs);
    add("dns web.example.:1 resolver=%s", names.address, "");
    set();
    next();
    assert_change(got, 0, 0, 0);
    next();
    assert_change(got, 0, 0, 1);
    assert_string_equal(got->removed.at[0], "10.0.0.7:1");
}

static void every_address_of_a_name_is_a_server(void **state)
{
    (void)state;
    names.v4 = 2;
    names.v6 = 1;
    names.ttl = 0; /* bounded, or it would be asked for all the time */
    add("dns web.example.:4243 resolver=%s", names.address, "");
    set();
    next();
    if (got->added.n == 0)
        next();
    assert_list(&got->added, 3, "10.0.0.1:4243");
    assert_string_equal(got->added.at[2], "[fd00::1]:4243");
    names.v6 = 0;
    next();
    assert_list(&got->removed, 1, "[fd00::1]:4243");
    assert_int_equal(names.asked, 4); /* a second later, though the answer was good for none */
}

/* Of a name that is looked for in the search domains too: other calls of c-ares. */
static void a_name_without_one_kind_of_address_has_those_of_the_other(void **state)
{
    (void)state;
    names.v4 = 2;
    names.v6 = 0;
    add("dns web.example:4243 resolver=%s", names.address, "");
    set();
    while (next()->states[0].good_at == 0)
        assert_int_equal(got->states[0].failing_since, 0);
    assert_int_equal(got->states[0].servers, 2);
}

static void five_hundred_addresses_come_by_tcp(void **state)
{
    (void)state;
    names.v4 = 500;
    add("dns web.example.:4243 resolver=%s", names.address, "");
    set();
    while (next()->added.n == 0)
        ;
    assert_int_equal(got->added.n, 500);
    assert_true(names.asked_tcp > 0);
}

static void services_are_servers_with_their_weights(void **state)
{
    (void)state;
    names.services[0] = (struct nameserver_service){"a.example", 4243, 60000, 10};
    names.services[1] = (struct nameserver_service){"b.example", 4244, 30000, 20};
    names.services[2] = (struct nameserver_service){".", 0, 0, 0};
    names.n_services = 3;
    add("srv _qhcp._udp.example. resolver=%s", names.address, "");
    set();
    while (next()->added.n == 0)
        ;
    assert_list(&got->added, 2, "a.example:4243 weight=1000 priority=1");
    assert_string_equal(got->added.at[1], "b.example:4244 weight=500 priority=2");
}

/* Of each mood in turn. */
static void keeps_its_last_answer(enum nameserver_mood mood, const char *what)
{
    names.v4 = 2;
    names.ttl = 1;
    names.mood = NAMESERVER_ANSWERS;
    list_deinit(&specs);
    set();
    add("dns web.example.:4243 timeout=500ms resolver=%s", names.address, "");
    set();
    while (next()->states[got->n_states - 1].good_at == 0)
        ;
    names.mood = mood;
    assert_int_equal(failing(got->n_states - 1, what).servers, 2);
    assert_says(got->notes->words, "keeping its 2 servers, confirmed ");
}

static void a_name_that_is_gone_keeps_its_last_answer(void **state)
{
    (void)state;
    keeps_its_last_answer(NAMESERVER_NXDOMAIN, "cannot resolve web.example.: no such name");
    keeps_its_last_answer(NAMESERVER_NODATA, "the name has no address");
}

static void a_server_that_fails_leaves_the_last_answer(void **state)
{
    (void)state;
    keeps_its_last_answer(NAMESERVER_SERVFAIL, "the DNS server");
    keeps_its_last_answer(NAMESERVER_HALF, "the DNS server");
}

static void silence_and_circles_leave_the_last_answer(void **state)
{
    (void)state;
    keeps_its_last_answer(NAMESERVER_CIRCLE, "go in a circle");
    keeps_its_last_answer(NAMESERVER_SILENT, "no DNS server answers");
}

static void write_command(const char *name, const char *body)
{
    char script[600];

    snprintf(script, sizeof script, "#!/bin/sh\n%s\n", body);
    replace_file(name, script);
    assert_int_equal(chmod(path(name), 0700), 0);
}

static void a_command_names_servers(void **state)
{
    (void)state;
    write_command("list", "echo nothing to see >&2; echo \"$1:1 weight=2\"; echo '[::1]:1'");
    add("exec %s 10.0.0.1 every=1s", path("list"), "");
    set();
    while (next()->added.n == 0)
        ;
    assert_list(&got->added, 2, "10.0.0.1:1 weight=2");
    write_command("list", "echo '[{\"targets\":[\"10.0.0.2:1\"]}]'");
    next();
    assert_change(got, 1, 0, 2);
    write_command("list", "echo 10.0.0.3:1; echo the disk is on fire >&2; exit 3");
    failing(0, "exit status 3: the disk is on fire");
    write_command("list", "kill -9 $$");
    failing(0, "SIGKILL");
}

/* One that hangs, or writes without end, is killed with all that it has started. */
static void a_command_that_does_not_end_is_ended(void **state)
{
    (void)state;
    write_command("list", "sleep 1000 & sleep 1000");
    add("exec %s every=1s timeout=300ms", path("list"), "");
    set();
    failing(0, "did not end within 300ms");
    list_deinit(&specs);
    set();
    write_command("list", "exec yes 10.0.0.1:1");
    add("exec %s every=1s", path("list"), "");
    set();
    failing(0, "more than 32 MiB");
    list_deinit(&specs);
    set();
    add("exec %s/nosuch", dir, "");
    set();
    failing(0, "cannot run the command");
    sources_free(all);
    all = NULL;
    assert_true(waitpid(-1, NULL, WNOHANG) <= 0); /* no zombie */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_there_at_once_is_in_the_first_difference, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_file_is_followed_and_what_cannot_be_used_changes_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(two_changes_of_a_moment_are_one, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_list_is_taken_where_that_is_allowed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_source_that_takes_another_ones_place_disturbs_no_server,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(every_address_of_a_name_is_a_server, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_without_one_kind_of_address_has_those_of_the_other,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(five_hundred_addresses_come_by_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(services_are_servers_with_their_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_that_is_gone_keeps_its_last_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_that_fails_leaves_the_last_answer, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(silence_and_circles_leave_the_last_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_command_names_servers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_command_that_does_not_end_is_ended, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
