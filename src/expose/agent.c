#include "expose/agent.h"

#include <string.h>

#include "base/address.h"
#include "base/agent_line.h"
#include "base/ease.h"
#include "base/os/log.h"

#define HUNDREDTHS 10 /* of a percent in a permille */

/* Permille of its capacity: the application's own word, else its CPU's; EASE_UNKNOWN. */
static uint32_t utilization(struct qhcp_server *core, qhcp_nsec now)
{
    struct qhcp_value values[QHCP_VALUES];
    size_t n = qhcp_server_values(core, now, values, QHCP_VALUES);
    uint64_t cpu = UINT64_MAX;

    for (size_t i = 0; i < n; i++) {
        if (strcmp(values[i].name, "application_utilization_percent") == 0)
            return (uint32_t)(values[i].value / HUNDREDTHS);
        if (strcmp(values[i].name, "cpu_usage_percent") == 0)
            cpu = values[i].value;
    }
    return cpu == UINT64_MAX ? EASE_UNKNOWN : (uint32_t)(cpu / HUNDREDTHS);
}

static enum agent_word word_of(enum qhcp_status status)
{
    switch (status) {
    case QHCP_SERVING:
    case QHCP_STATUS_DEGRADED:
        return AGENT_UP;
    case QHCP_STATUS_DRAINING:
        return AGENT_DRAIN;
    case QHCP_STATUS_MAINTENANCE:
        return AGENT_MAINTENANCE;
    default:
        return AGENT_DOWN;
    }
}

static size_t answer(void *ctx, qhcp_nsec now, const char *line, char *ret, size_t cap)
{
    struct agent *a = ctx;
    struct qhcp_server_view view;
    char out[AGENT_LINE];
    size_t n;

    (void)line;
    if (!a->open)
        return 0;
    qhcp_server_status(a->core, &view);
    a->percent = ease_step(
        ease_percent(utilization(a->core, now), view.status == QHCP_STATUS_DEGRADED), a->percent);
    n = agent_line(&(struct agent_say){.word = word_of(view.status),
                                       .percent = a->percent,
                                       .admin = true,
                                       .reason = view.reason},
                   out);
    if (n > cap)
        return 0;
    memcpy(ret, out, n);
    return n;
}

int agent_begin(struct agent *a, struct loop *loop, struct qhcp_server *core, const char *text,
                char *words, size_t words_cap)
{
    struct responder_config config = {.loop = loop, .answer = answer, .ctx = a};
    int r = address_parse_listen(text, &config.addr, words, words_cap);

    if (r < 0)
        return r;
    a->core = core;
    r = responder_begin(&a->responder, &config, words, words_cap);
    if (r == 0 && !address_is_loopback(&config.addr))
        log_say(QHCP_LOG_WARNING,
                "--haproxy-agent %s: other machines may reach that address, and ask for this "
                "server's state; nobody has to prove who he is",
                text);
    return r;
}

void agent_open(struct agent *a)
{
    a->open = true;
}

void agent_end(struct agent *a)
{
    responder_end(&a->responder);
}
