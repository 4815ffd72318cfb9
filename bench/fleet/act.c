/* What a command does to the servers that it names. */
#include <string.h>

#include "fleet.h"
#include "metrics/application.h"

static int restart(struct fleet *f, struct member *m, qhcp_nsec now)
{
    char words[QHCP_TEXT * 2];
    int r;

    member_end(f, m);
    r = member_start(f, m, now, words, sizeof words);
    if (r != 0)
        fprintf(stderr, "qhcp-fleet: server %u cannot start again: %s\n", member_number(f, m),
                words);
    return r;
}

static int set_status(struct member *m, qhcp_nsec now, enum qhcp_status status, const char *reason)
{
    if (!m->core || m->stopping)
        return QHCP_E_STOPPING;
    qhcp_server_set_status(m->core, now, status, reason);
    return 0;
}

static int back(struct fleet *f, struct member *m, qhcp_nsec now)
{
    if (!m->core || m->stopping)
        return restart(f, m, now);
    m->silent = false;
    m->slow = 0;
    return set_status(m, now, QHCP_SERVING, "");
}

static int stop(struct member *m, qhcp_nsec now)
{
    if (!m->core)
        return QHCP_E_STOPPING;
    m->stopping = true;
    qhcp_server_stop(m->core, now, 5 * NSEC_PER_SEC, "told to close");
    return 0;
}

static int set_metric(struct member *m, const struct application_value *v)
{
    return m->core ? qhcp_server_set_metric(m->core, v->name, v->unit, v->value) : QHCP_E_STOPPING;
}

static int act_one(struct fleet *f, const struct command *c, const struct application_value *v,
                   struct member *m, qhcp_nsec now)
{
    switch (c->verb) {
    case COMMAND_SILENT:
        m->silent = m->core != NULL;
        return m->core ? 0 : QHCP_E_STOPPING;
    case COMMAND_CLOSE:
        return stop(m, now);
    case COMMAND_DEGRADE:
        return set_status(m, now, QHCP_STATUS_DEGRADED, "told to be degraded");
    case COMMAND_DRAIN:
        return set_status(m, now, QHCP_STATUS_DRAINING, "told to drain");
    case COMMAND_RESTART:
        return restart(f, m, now);
    case COMMAND_SLOW:
        m->slow = c->delay;
        return m->core ? 0 : QHCP_E_STOPPING;
    case COMMAND_SET:
        return set_metric(m, v);
    case COMMAND_BACK:
        return back(f, m, now);
    case COMMAND_LIST:
    case COMMAND_STATS:
    case COMMAND_QUIT:
        break;
    }
    return 0;
}

static void act_all(struct fleet *f, const struct command *c, qhcp_nsec now)
{
    struct application_value v = {.name = ""};
    char words[QHCP_TEXT * 2];
    unsigned done = 0, not_done = 0;

    if (c->verb == COMMAND_SET && application_parse(c->value, &v, words, sizeof words) != 0) {
        printf("error: %s\n", words);
        return;
    }
    for (unsigned i = 1; i <= f->n; i++) {
        struct member *m = &f->members[i - 1];

        if (!command_has(&c->which, i))
            continue;
        if (act_one(f, c, &v, m, now) == 0)
            done++;
        else
            not_done++;
        fleet_busy(f, m);
    }
    printf("%s: %u %s", c->name, done, done == 1 ? "server" : "servers");
    if (not_done > 0)
        printf(", not %u (closed, or not possible)", not_done);
    putchar('\n');
}

void act_on(struct fleet *f, const struct command *c, qhcp_nsec now)
{
    if (c->verb == COMMAND_LIST)
        tell_list(f, &c->which);
    else if (c->verb == COMMAND_STATS)
        tell_stats(f);
    else if (c->verb == COMMAND_QUIT)
        loop_stop(f->loop);
    else
        act_all(f, c, now);
}
