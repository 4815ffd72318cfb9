/* Runs sessions.txt (README.md): each frame goes to our machine in the state that the vector names;
 * what it takes, sends, closes with and becomes is compared. */
#include "../unit/session/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "vector.h"

#define LINE 4096

struct trial {
    char name[128], side[16], state[24], with[64], channel[16], takes[32], sends[64], closes[32],
        next[24];
    uint8_t frame[512];
    size_t n;
};

/* What came of it. */
struct outcome {
    char takes[32], sends[64], closes[32], next[24];
};

static const char *path;
static unsigned run;

static unsigned fact(const struct trial *v, const char *name)
{
    const char *at = strstr(v->with, name);

    return at ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

static unsigned scopes(const struct trial *v)
{
    if (!strstr(v->with, "scopes="))
        return ALL_SCOPES;
    return (strstr(v->with, "health") ? SESSION_SCOPE_HEALTH : 0u) |
           (strstr(v->with, "config") ? SESSION_SCOPE_CONFIG : 0u) |
           (strstr(v->with, "terminate") ? SESSION_SCOPE_TERMINATE : 0u);
}

static void add(char *text, size_t cap, const char *word)
{
    size_t n = strlen(text);

    snprintf(text + n, cap - n, "%s%s", n > 0 ? " " : "", word);
}

/* A frame of ours: its name, and the code where it is an ERROR. */
static void sent(struct outcome *o, const uint8_t *p, size_t n)
{
    struct wire_message m;

    assert_int_equal(wire_decode(p, n, &m, NULL), 0);
    add(o->sends, sizeof o->sends, wire_type_name(m.type));
    if (m.type == WIRE_ERROR)
        snprintf(o->closes, sizeof o->closes, "%s", dump_error(-(int)m.error.code));
}

static void closed(struct outcome *o)
{
    snprintf(o->closes, sizeof o->closes, "NO_ERROR");
}

static unsigned state_of(const struct trial *v, unsigned count, const char *(*name)(unsigned))
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(name(i), v->state) == 0)
            return i;
    fail_msg("%s: no state %s", v->name, v->state);
    return 0;
}

static enum session_channel channel(const struct trial *v)
{
    return strcmp(v->channel, "datagram") == 0 ? SESSION_DATAGRAM : SESSION_STREAM;
}

static void lb_takes(const struct kit_lb *k, struct outcome *o)
{
    unsigned what = k->r.what;

    if (what & SESSION_LB_RESTARTED)
        add(o->takes, sizeof o->takes, "restarted");
    if (what & SESSION_LB_ANSWER)
        add(o->takes, sizeof o->takes, "answer");
    if (what & SESSION_LB_STATUS)
        add(o->takes, sizeof o->takes, "status");
    if (what & SESSION_LB_BEAT)
        add(o->takes, sizeof o->takes, "beat");
    if (what == SESSION_LB_STALE)
        add(o->takes, sizeof o->takes, "nothing");
    if (what & (SESSION_LB_RESTARTED | SESSION_LB_TERMINATED | SESSION_LB_PEER_ERROR))
        closed(o);
}

static void run_lb(const struct trial *v, struct outcome *o)
{
    struct kit_lb k;
    struct frame f;

    kit_lb(&k, state_of(v, SESSION_LB_STATES, session_lb_state_name), fact(v, "open="));
    while (kit_lb_pull(&k).n > 0)
        ; /* the ERROR of CLOSED */
    k.s.epoch = fact(v, "epoch=");
    k.s.beat_asked = fact(v, "beats=");
    k.s.beat_us = k.s.state == SESSION_LB_GREETING ? 0 : k.s.beat_asked;
    k.s.beat = fact(v, "newest=");
    if (session_lb_frame(&k.s, T0, channel(v), v->frame, v->n, &k.r) == 0)
        lb_takes(&k, o);
    while ((f = kit_lb_pull(&k)).n > 0)
        sent(o, f.p, f.n);
    snprintf(o->next, sizeof o->next, "%s",
             k.r.what & SESSION_LB_RESTARTED ? "CLOSED" : session_lb_state_name(k.s.state));
}

static void run_server(const struct trial *v, struct outcome *o)
{
    struct kit_server k;
    struct frame f;

    kit_server(&k, state_of(v, SESSION_SERVER_STATES, session_server_state_name), scopes(v));
    k.s.config_id = fact(v, "newest=") + fact(v, "open=");
    k.s.configuring = fact(v, "open=") > 0;
    if (session_server_frame(&k.s, T0, channel(v), v->frame, v->n, &k.r) == 0) {
        if (k.r.what & SESSION_SERVER_REQUEST) {
            f = kit_server_answer(&k, k.r.m.request.seq);
            sent(o, f.p, f.n);
        }
        if (k.r.what & SESSION_SERVER_CONFIG)
            session_server_config(&k.s, T0, &k.r.m.config_update, 0, NULL, 0, 0);
        if (k.r.what &
            (SESSION_SERVER_PEER_LEAVES | SESSION_SERVER_TERMINATED | SESSION_SERVER_PEER_ERROR))
            closed(o);
    }
    while ((f = kit_server_pull(&k, T0)).n > 0)
        sent(o, f.p, f.n);
    snprintf(o->next, sizeof o->next, "%s", session_server_state_name(k.s.state));
}

static void expect(const struct trial *v, const char *what, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", not \"%s\"", v->name, what, got, want);
}

static void try_vector(const struct trial *v)
{
    struct outcome o = {.takes = ""};

    if (strcmp(v->side, "lb") == 0)
        run_lb(v, &o);
    else
        run_server(v, &o);
    expect(v, "takes", o.takes, v->takes);
    expect(v, "sends", o.sends[0] ? o.sends : "-", v->sends);
    expect(v, "closes", o.closes, v->closes);
    expect(v, "next", o.next, v->next);
    run++;
}

static void take_line(struct trial *v, const char *name, const char *value)
{
    static const struct {
        const char *name;
        size_t offset, cap;
    } places[] = {
#define PLACE(label, member)                                                                       \
    {label, offsetof(struct trial, member), sizeof(((struct trial *)NULL)->member)}
        PLACE("vector", name), PLACE("side", side),     PLACE("state", state),
        PLACE("with", with),   PLACE("takes", takes),   PLACE("channel", channel),
        PLACE("sends", sends), PLACE("closes", closes), PLACE("next", next),
#undef PLACE
    };
    int n;

    if (strcmp(name, "frame") == 0) {
        n = vector_hex(value, v->frame, sizeof v->frame);
        assert_true(n >= 0);
        v->n = (size_t)n;
        return;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i].name, name) == 0) {
            snprintf((char *)v + places[i].offset, places[i].cap, "%s", value);
            return;
        }
    assert_string_equal(name, "says");
}

static void every_vector_holds(void **state)
{
    struct trial v = {.n = 0};
    char line[LINE], *colon;
    FILE *in = fopen(path, "r");

    (void)state;
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        colon = strchr(line, ':');
        if (colon) {
            *colon = '\0';
            take_line(&v, line, colon + 1 + strspn(colon + 1, " "));
        } else if (v.name[0]) {
            try_vector(&v);
            v = (struct trial){.n = 0};
        }
    }
    if (v.name[0])
        try_vector(&v);
    fclose(in);
    assert_true(run > 150);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_vector_holds)};

    path = argc > 1 ? argv[1] : "sessions.txt";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
