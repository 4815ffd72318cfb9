/* What HAProxy and people send to the sinks for HAProxy.
 *
 * Input: a letter and bytes.  'r': answers of the Runtime API, each of which is read as a process,
 * as a list of servers, and as words; 'a': a line to the agent, and a reason in its answer; 's': a
 * sink as its owner writes it.
 *
 * Besides memory and undefined behaviour: answers leave nothing behind; from any row to anything
 * that is said it takes a few commands, and then none; an answer of the agent is one printable
 * line. */
#include <stdlib.h>
#include <string.h>

#include "base/agent_line.h"
#include "fleet/feed.h"
#include "sinks/directory.h"
#include "sinks/haproxy_server.h"
#include "sinks/haproxy_text.h"

#define STEPS 8
#define SERVERS 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* Commands from this row to everything that can be said. */
static void walk(const struct haproxy_row *row, const struct haproxy_rules *rules)
{
    for (int use = SAY_UNKNOWN; use <= SAY_DOWN + 1; use++) {
        const struct say say = {
            .use = (enum say_use)use, .percent = use == SAY_SERVE ? 40 : 0, .weight = 1};
        struct haproxy_server s;
        struct haproxy_step step;
        struct text t = {0};
        int n = 0;

        haproxy_server_init(&s, row);
        do {
            step =
                haproxy_server_step(&s, &s.belief, rules, use > SAY_DOWN ? NULL : &say, NULL, &t);
            haproxy_server_did(&s.belief, &step);
            check(++n < STEPS);
        } while (step.effect != HAPROXY_NOTHING && step.effect < HAPROXY_SET_ADDRESS);
        check(!memchr(t.n > 0 ? t.at : "", '\n', t.n));
        text_deinit(&t);
    }
}

static void read_answers(const char *text, size_t n)
{
    static const struct haproxy_rules rules[] = {
        {.backend = "be", .admin = true, .weights = true, .manage = true},
        {.backend = "be", .weights = true},
        {.backend = "be", .admin = true}};
    const char *answer;
    size_t k, before = n + 1;

    for (int i = 0; haproxy_text_answer(&text, &n, i == 5, &answer, &k); i++) {
        struct haproxy_info info;
        struct haproxy_row row;

        check(n < before && i <= 5);
        before = n;
        (void)haproxy_text_info(answer, k, &info);
        (void)haproxy_text_is_state(answer, k);
        while (haproxy_text_row(&answer, &k, "be", &row))
            for (size_t r = 0; r < 3 && haproxy_server_name(row.name); r++)
                walk(&row, &rules[r]);
    }
}

/* A fleet of a few servers, made once. */
static const struct sink_view *fleet(void)
{
    static struct say say[SERVERS];
    static struct sink_view view;
    static const char *const labels[SERVERS] = {"web1", "be.web2", "be/web3"};
    static struct feed *feed; /* for as long as the process */
    uint32_t slot;

    if (view.snapshot)
        return &view;
    check(feed_new(0, &feed) == 0);
    for (size_t i = 0; i < SERVERS; i++) {
        char name[] = "127.0.0.1:1";

        name[10] = (char)('1' + i);
        check(feed_add(feed, name, &slot) == 0);
        check(feed_text(feed, feed_change(feed, slot), FLEET_LABEL, labels[i]) == 0);
    }
    check(feed_publish(feed, 1, 1) == 0);
    view = (struct sink_view){
        .snapshot = feed_current(feed), .say = say, .slots = SERVERS, .all = true};
    return &view;
}

static void ask_agent(const char *line)
{
    static struct directory directory;
    const struct sink_view *view = fleet();
    char backend[300], out[AGENT_LINE];
    const char *slash = strrchr(line, '/');
    size_t n;

    (void)directory_find(&directory, view, line);
    if (slash && (size_t)(slash - line) < sizeof backend) {
        memcpy(backend, line, (size_t)(slash - line));
        backend[slash - line] = '\0';
        (void)directory_of(&directory, view, backend, slash + 1);
    }
    for (int word = AGENT_UP; word <= AGENT_DOWN; word++) {
        n = agent_line(&(struct agent_say){.word = (enum agent_word)word,
                                           .percent = 50,
                                           .admin = line[0] == 'a',
                                           .reason = line},
                       out);
        check(n > 0 && n < AGENT_LINE && strlen(out) == n && strcspn(out, "\r\n") == n - 1);
        for (size_t i = 0; i + 1 < n; i++)
            check(out[i] >= ' ' && out[i] <= '~');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char words[900], *text;

    if (size == 0)
        return 0;
    text = malloc(size);
    check(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'r')
        read_answers(text, size - 1);
    else if (data[0] == 'a')
        ask_agent(text);
    else if (sink_check(text, words, sizeof words) != 0)
        check(strlen(words) < sizeof words);
    free(text);
    return 0;
}
