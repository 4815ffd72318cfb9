/* Why a server went down, for people and for programs. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../state/place.h"
#include "base/text.h"
#include "history/history_json.h"
#include "history/history_table.h"
#include "history/store.h"

#define MINUTE_MS INT64_C(60000)
#define START_MS INT64_C(1800000000000)
#define FALL_MS (START_MS + 20 * MINUTE_MS + 500)
#define SERVERS 6

static char words[700];
static const struct words w = {words, sizeof words};
static struct store *store;
static struct query *query;
static int64_t ids[SERVERS];

/* a:1 to f:1: the first four of 10.0.1.0/24, the last two elsewhere, and of another tier. */
static void put_servers(const char *first)
{
    for (int i = 0; i < SERVERS; i++) {
        const char name[] = {(char)('a' + i), ':', '1', '\0'};
        char remote[40];
        const struct store_server row = {.name = name,
                                         .label = i == 0 ? "web-a" : "",
                                         .tags = i < 2 ? "eu|blue" : "us",
                                         .address = name,
                                         .remote = remote,
                                         .priority = i < 4 ? 0 : 1,
                                         .state = i == 0 ? first : "up",
                                         .cause = "silence",
                                         .words = i == 0 ? "no answer" : "",
                                         .since_ms = FALL_MS};

        snprintf(remote, sizeof remote, "10.0.%d.%d:4243", i < 4 ? 1 : 2, i + 1);
        assert_int_equal(store_server_put(store, &row, &ids[i]), 0);
    }
}

static void put(int server, int64_t at_ms, const char *before, const char *after)
{
    const struct store_event e = {.at_ms = at_ms,
                                  .server = ids[server],
                                  .kind = "state",
                                  .before = before,
                                  .after = after,
                                  .cause = "silence",
                                  .words = strcmp(after, "down") == 0 ? "no answer" : "serving",
                                  .evidence = strcmp(after, "down") == 0
                                                  ? "last signal: 3 misses; srtt 0.2 ms; checks: "
                                                    "9 ms before: 0.1 ms, 3 ms before: missed"
                                                  : ""};

    assert_int_equal(store_event_put(store, &e), 0);
}

static void put_samples(void)
{
    for (int i = 0; i < 20; i++) {
        assert_int_equal(store_minute(store, START_MS + i * MINUTE_MS), 0);
        assert_int_equal(
            store_sample_put(store, &(struct store_sample){.server = ids[0],
                                                           .state = QHCP_UP,
                                                           .sent = 60,
                                                           .answered = (uint64_t)(60 - i),
                                                           .rtt_us = 200 + 100 * i,
                                                           .cpu = 1234,
                                                           .memory = STORE_NONE,
                                                           .requests = 7,
                                                           .connections = STORE_NONE}),
            0);
    }
}

static int setup(void **state)
{
    if (place_setup(state) != 0 || store_open(place_path(*state, "h.db"), &store, &w) != 0)
        return -1;
    put_servers("down");
    put(0, START_MS, "connecting", "up");
    put_samples();
    put(0, FALL_MS, "up", "down");
    put(1, FALL_MS + 1900, "up", "down");
    put(2, FALL_MS - 1900, "up", "down");
    put(3, FALL_MS + 2100, "up", "down"); /* too late to be of the same moment */
    put(4, FALL_MS, "up", "down");
    return query_open(place_path(*state, "h.db"), &query, &w);
}

static int teardown(void **state)
{
    query_close(query);
    store_close(store);
    return place_teardown(state);
}

static struct story *find(const char *name)
{
    struct story *s = malloc(sizeof *s);
    struct query_server server;

    assert_int_equal(query_find(query, name, &server, &w), 0);
    assert_int_equal(story_find(query, &server, s), 0);
    return s;
}

static void assert_group(const struct story *s, const char *name, size_t went, size_t of)
{
    for (size_t i = 0; i < s->n_groups; i++) {
        if (strcmp(s->groups[i].name, name) == 0) {
            assert_int_equal(s->groups[i].went, went);
            assert_int_equal(s->groups[i].of, of);
            return;
        }
    }
    fail_msg("no group %s", name);
}

static void it_has_what_went_before_and_who_went_with_it(void **state)
{
    struct story *s = find("web-a");

    (void)state;
    assert_string_equal(s->server.name, "a:1");
    assert_int_equal(s->fall.at_ms, FALL_MS);
    assert_int_equal(s->held_since_ms, START_MS);
    assert_int_equal(s->back.id, 0);
    assert_int_equal(s->others, SERVERS - 1);
    assert_int_equal(s->went, 3);
    assert_group(s, "network 10.0.1.0/24", 2, 3);
    assert_group(s, "priority 0", 2, 3);
    assert_group(s, "tag eu", 1, 1);
    assert_group(s, "tag blue", 1, 1);
    assert_int_equal(s->n_samples, STORY_SAMPLES);
    assert_int_equal(s->samples[0].at_ms, START_MS + 5 * MINUTE_MS);
    assert_int_equal(s->samples[14].answered, 41);
    free(s);
}

static void it_says_how_it_came_back(void **state)
{
    struct story *s;

    (void)state;
    put_servers("up");
    put(0, FALL_MS + 90000, "down", "up");
    put(0, FALL_MS + 300000, "up", "draining"); /* another story */
    s = find("a:1");
    assert_int_equal(s->back.at_ms, FALL_MS + 90000);
    assert_int_equal(s->n_events, 2);
    free(s);
    s = find("f:1"); /* the twin: it never went */
    assert_int_equal(s->fall.id, 0);
    free(s);
}

static void people_read_it(void **state)
{
    struct story *s = find("a:1");
    struct text t = {0};

    (void)state;
    setenv("TZ", "UTC", 1);
    history_table_story(&t, s, FALL_MS + 5 * MINUTE_MS);
    assert_non_null(
        strstr(t.at, "web-a (a:1) is down since 2027-01-15 08:20:00 UTC (5 min ago): no answer\n"));
    assert_non_null(strstr(t.at, "before that it was up for 20 min"));
    assert_non_null(strstr(t.at, "it has not come back"));
    assert_non_null(strstr(t.at, "  last signal: 3 misses\n  srtt 0.2 ms\n  checks:\n"
                                 "    9 ms before: 0.1 ms\n    3 ms before: missed\n"));
    assert_non_null(strstr(t.at, "  3 of 5 other servers went down: b:1, c:1, e:1\n"));
    assert_non_null(strstr(t.at, "  1 of 1 with the same tag eu\n"));
    assert_non_null(strstr(t.at, "41/60"));
    assert_non_null(strstr(t.at, "  round trip "));
    assert_non_null(strstr(t.at, "█  missed "));
    assert_non_null(strstr(t.at, "OLD: the history was written last"));
    text_reset(&t);
    history_table_story(&t, s, FALL_MS + 3000); /* the twin */
    assert_null(strstr(t.at, "OLD"));
    s->others = s->went = 0;
    text_reset(&t);
    history_table_story(&t, s, FALL_MS + 3000);
    assert_non_null(strstr(t.at, "  there is no other server\n"));
    text_deinit(&t);
    free(s);
}

static void programs_read_it(void **state)
{
    struct story *s = find("a:1");
    struct text t = {0};
    json_t *j, *others;

    (void)state;
    history_json_story(&t, s);
    j = json_loads(t.at, 0, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "name")), "web-a");
    assert_string_equal(json_string_value(json_object_get(json_object_get(j, "fall"), "to")),
                        "down");
    assert_true(json_is_null(json_object_get(j, "return")));
    others = json_object_get(j, "others");
    assert_int_equal(json_integer_value(json_object_get(others, "went")), 3);
    assert_int_equal(json_array_size(json_object_get(others, "groups")), 4);
    assert_int_equal(json_array_size(json_object_get(j, "samples")), STORY_SAMPLES);
    json_decref(j);
    text_deinit(&t);
    free(s);
}

static void a_server_is_found_by_any_of_its_names(void **state)
{
    struct query_server server;

    (void)state;
    assert_int_equal(query_find(query, "10.0.1.1:4243", &server, &w), 0);
    assert_int_equal(server.id, ids[0]);
    assert_int_equal(query_find(query, "10.0.1.1", &server, &w), 0);
    assert_int_equal(query_find(query, "f", &server, &w), 0);
    assert_int_equal(server.id, ids[5]);
    assert_int_equal(query_find(query, "1", &server, &w), QHCP_E_NOT_FOUND);
    assert_non_null(strstr(words, "\"1\" is not in the history"));
    assert_int_equal(
        store_server_put(
            store,
            &(struct store_server){.name = "f:2", .state = "up", .cause = "none", .since_ms = 1},
            &ids[0]),
        0);
    assert_int_equal(query_find(query, "f", &server, &w), QHCP_E_EXISTS);
    assert_non_null(strstr(words, "f:1, f:2"));
    assert_int_equal(query_find(query, "\033[2J", &server, &w), QHCP_E_NOT_FOUND);
    assert_null(strchr(words, '\033'));
}

static void a_network_is_of_an_address_alone(void **state)
{
    char network[STORY_NETWORK];

    (void)state;
    story_network("10.0.1.77:4243", network);
    assert_string_equal(network, "10.0.1.0/24");
    story_network("[2001:db8:1:2:3::4]:4243", network);
    assert_string_equal(network, "2001:db8:1:2::/64");
    story_network("", network);
    assert_string_equal(network, "");
    story_network("web1:4243", network);
    assert_string_equal(network, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_has_what_went_before_and_who_went_with_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(it_says_how_it_came_back, setup, teardown),
        cmocka_unit_test_setup_teardown(people_read_it, setup, teardown),
        cmocka_unit_test_setup_teardown(programs_read_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_is_found_by_any_of_its_names, setup, teardown),
        cmocka_unit_test(a_network_is_of_an_address_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
