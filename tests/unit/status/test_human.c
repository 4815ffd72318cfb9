/* The table and the lines for people. */
#include "../words.h"

#include "fleet.h"
#include "proxy/proxy.h"
#include "status/status_human.h"
#include "status/status_json.h"

/* 2026-11-23T15:43:17.123Z, an hour after the monotonic clock's beginning. */
static const struct status_moment at = {3600 * NSEC_PER_SEC, 1795448597123};

static struct fake fake;
static struct text text;

static int begin(void **state)
{
    (void)state;
    fake.n = 0;
    text_reset(&text);
    return 0;
}

static int end(void **state)
{
    (void)state;
    text_deinit(&text);
    return 0;
}

static void three_servers_make_a_table_that_lines_up(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {
        .time = "15:43:17", .now = 3600 * NSEC_PER_SEC, .rows = 40, .rows_bad = 40};

    (void)state;
    fake_add(&fake, "localhost:4243");
    fake_change(fake_add(&fake, "[2001:db8::1]:4243"), QHCP_DOWN, "port unreachable (ICMP)");
    fake_change(fake_add(&fake, "c:1"), QHCP_DRAINING, "server is draining: SIGTERM");
    fake.at[0].false_verdicts = 1;
    fake.at[2].false_verdicts = 2;
    fake.at[1].since = 3588 * NSEC_PER_SEC;
    status_human_table(&text, &fleet, &page);
    assert_string_equal(
        text.at,
        "15:43:17  1 of 3 servers are healthy (1 down, 1 draining)\n"
        "SERVER              STATE       SINCE      CPU   MEMORY        RTT       ANSWERED  "
        "REASON\n"
        "localhost:4243      up            60m    3.1 %   40.2 %    0.41 ms          12/12  1 "
        "false "
        "verdict\n"
        "[2001:db8::1]:4243  down          12s        -        -          -          12/12  port "
        "unreachable (ICMP)\n"
        "c:1                 draining      60m    3.1 %   40.2 %    0.41 ms          12/12  server "
        "is draining: SIGTERM; 2 false verdicts\n");
}

/* So that one that is asked, for whatever reason, is seen among many that are listened to. */
static void the_first_line_counts_the_servers_that_are_listened_to(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {.time = "t", .rows = 20, .rows_bad = 20};

    (void)state;
    for (int i = 0; i < 3; i++)
        fake_add(&fake, "s:1")->listening = i > 0;
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "t  3 of 3 servers are healthy, listening to 2\n");
}

static size_t lines(void)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += text.at[i] == '\n';
    return n;
}

static void of_300_servers_those_not_up_come_first(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {.time = "t", .rows = 20, .rows_bad = 20};
    char name[32];

    (void)state;
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "s%d:4243", i);
        struct qhcp_view *v = fake_add(&fake, name);
        if (i == 150 || i == 299)
            fake_change(v, QHCP_DOWN, "gone");
    }
    status_human_table(&text, &fleet, &page);
    assert_int_equal(lines(), 2 + 20 + 1);
    assert_says(text.at, "298 of 300 servers are healthy (2 down)\n");
    const char *first = strstr(text.at, "REASON\n");
    assert_non_null(first);
    assert_memory_equal(first + 7, "s150:4243", 9);
    assert_says(text.at, "\ns299:4243");
    assert_says(text.at, "\ns17:4243");
    assert_null(strstr(text.at, "\ns18:4243"));
    assert_says(text.at, "... and 280 more that are up\n");
}

static void of_300_servers_that_are_down_no_more_than_fit_are_shown(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    struct status_human_page page = {.time = "t", .rows = 20, .rows_bad = 20};

    (void)state;
    for (int i = 0; i < 300; i++)
        fake_change(fake_add(&fake, "s:1"), QHCP_DOWN, "gone");
    status_human_table(&text, &fleet, &page);
    assert_int_equal(lines(), 2 + 20 + 1);
    assert_says(text.at, "... and 280 more that are not up\n");
    text_reset(&text);
    page.rows_bad = 300;
    status_human_table(&text, &fleet, &page);
    assert_int_equal(lines(), 2 + 300);
}

static void no_line_is_wider_than_the_terminal(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    const struct status_human_page page = {.time = "t", .rows = 20, .rows_bad = 20, .width = 70};
    char name[QHCP_TEXT];

    (void)state;
    memset(name, 'x', 200);
    strcpy(name + 200, ".example:4243");
    fake_change(fake_add(&fake, name), QHCP_DOWN,
                "\xc3\xb6\xc3\xb6\xc3\xb6 and more words than fit");
    memset(name, 0, sizeof name);
    for (int i = 0; i < 30; i++) /* characters of two columns each */
        strcat(name, "\xe4\xb8\xad");
    fake_change(fake_add(&fake, "wide:4243"), QHCP_DOWN, name);
    status_human_table(&text, &fleet, &page);
    for (char *line = strtok(text.at, "\n"); line; line = strtok(NULL, "\n"))
        assert_int_equal(text_fitting(line, 70), strlen(line));
}

static void on_a_narrow_terminal_the_reason_takes_the_place_of_figures(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    struct status_human_page page = {.time = "t", .rows = 20, .rows_bad = 20, .width = 79};

    (void)state;
    fake_change(fake_add(&fake, "localhost:4243"), QHCP_DOWN, "port unreachable (ICMP)");
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "\nlocalhost:4243  down           0s  port unreachable (ICMP)\n");
    text_reset(&text);
    page.width = 120;
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "-          12/12  port unreachable (ICMP)\n");
}

static void the_terminal_never_gets_control_characters_of_others(void **state)
{
    const struct qhcp_event event = {
        .address = "a\033]0;x\a:1", .from = QHCP_UP, .to = QHCP_DOWN, .reason = "x\ny\xc2\x9b\x80"};

    (void)state;
    status_human_event(&text, &event, "", "15:43:17  ", false);
    assert_string_equal(text.at, "15:43:17  a?]0;x?:1: up -> down: x?y??\n");
}

static bool some_traffic(const void *ctx, const char *address, struct proxy_counts *ret)
{
    (void)ctx;
    *ret = (struct proxy_counts){
        .weight = 3, .priority = 1, .in_flight = 7, .bytes_in = 1000, .bytes_out = 1499500};
    return strcmp(address, "a:1") == 0;
}

static void a_load_balancer_shows_the_load(void **state)
{
    struct status_human_page page = {.time = "t", .rows = 9, .width = 140};
    struct status_fleet fleet = fake_fleet(&fake);

    (void)state;
    fleet.forward = some_traffic;
    fake_add(&fake, "a:1")->share = 1000;
    fake_add(&fake, "b:1");
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "        RTT  CONNS  SHARE    BYTES       ANSWERED  REASON\n");
    assert_says(text.at, "    0.41 ms      7  100 %   1.5 MB          12/12\n");
    assert_says(text.at, "    0.41 ms      -    0 %        -          12/12\n");
    text_reset(&text);
    page.width = 79;
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "        RTT  CONNS  REASON\n");
    text_reset(&text);
    status_json_fleet(&text, &fleet, at);
    assert_says(text.at, "\"weight\":3,\"priority\":1,\"forward\":{\"target\":");
}

static void an_age_is_short_and_never_rounded_up(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = {{0, "0s"},    {99, "99s"},     {100, "1m"},    {5999, "99m"},
                {6000, "1h"}, {172799, "47h"}, {172800, "2d"}, {31536000, "365d"}};
    char age[16];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        status_human_age(7, 7 + rows[i].seconds * NSEC_PER_SEC, age, sizeof age);
        assert_string_equal(age, rows[i].text);
    }
    status_human_age(8, 7, age, sizeof age); /* it was since the page began */
    assert_string_equal(age, "0s");
}

static void colours_are_for_states_and_take_no_room(void **state)
{
    const struct status_fleet fleet = fake_fleet(&fake);
    struct status_human_page page = {.time = "t", .rows = 9, .width = 79, .colour = true};
    const struct qhcp_event event = {.address = "a:1", .from = QHCP_UP, .to = QHCP_DOWN};

    (void)state;
    fake_add(&fake, "a:1");
    fake_change(fake_add(&fake, "b:1"), QHCP_DOWN,
                "words that go on until the line of 79 columns is full, and then some more");
    status_human_table(&text, &fleet, &page);
    assert_says(text.at, "\na:1     \033[32mup         \033[0m    0s");
    const char *down = strstr(text.at, "\nb:1     \033[1;31mdown       \033[0m    0s  words");
    assert_non_null(down);
    assert_int_equal(strcspn(down + 1, "\n"), 79 + strlen("\033[1;31m\033[0m"));
    text_reset(&text);
    status_human_event(&text, &event, "", "t  ", true);
    assert_string_equal(text.at, "t  a:1: \033[32mup\033[0m -> \033[1;31mdown\033[0m\n");
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(three_servers_make_a_table_that_lines_up),
        T(the_first_line_counts_the_servers_that_are_listened_to),
        T(of_300_servers_those_not_up_come_first),
        T(of_300_servers_that_are_down_no_more_than_fit_are_shown),
        T(no_line_is_wider_than_the_terminal),
        T(on_a_narrow_terminal_the_reason_takes_the_place_of_figures),
        T(the_terminal_never_gets_control_characters_of_others),
        T(a_load_balancer_shows_the_load),
        T(an_age_is_short_and_never_rounded_up),
        T(colours_are_for_states_and_take_no_room),
    };

    return cmocka_run_group_tests_name("status-human", tests, NULL, NULL);
}
