#include "daemon/checks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/os/log.h"
#include "check/check.h"
#include "loop/resolve.h"
#include "wire/registry.h"

#include <qhcp/server.h>

#define CHECKS_WHY 400

static void on_result(void *ctx, qhcp_nsec now, const struct check_result *result)
{
    struct checks *c = ctx;

    if (result->news)
        log_say(result->status == QHCP_SERVING ? QHCP_LOG_INFO : QHCP_LOG_WARNING,
                "check \"%s\": %s%s%s", result->name, wire_status(result->status)->name,
                result->reason[0] ? ": " : "", result->reason);
    /* It cannot fail: names were held to the limits with the options. */
    (void)qhcp_server_set_check(c->core, now, result->name, result->status, result->reason,
                                result->duration);
}

static void on_resolve(void *ctx, size_t id, const char *host, uint16_t port)
{
    struct checks *c = ctx;

    if (resolve_start(c->resolve, id, host, port) < 0)
        check_resolved(c->set, loop_now(), id, NULL, 0, "out of memory");
}

static void on_resolved(void *ctx, const struct resolve_answer *answer)
{
    struct checks *c = ctx;

    check_resolved(c->set, loop_now(), answer->index, answer->addrs, answer->n, answer->words);
}

static void on_ready(void *ctx, qhcp_nsec now, unsigned ready)
{
    struct checks *c = ctx;

    (void)ready;
    check_ready(c->set, now);
}

/* All entries of one option. */
static int add_all(struct checks *c, const struct server_checks *from, char *words,
                   size_t words_cap)
{
    char why[CHECKS_WHY] = "out of memory";
    struct spec spec;
    int r = 0;

    for (size_t i = 0; i < from->list->n && r == 0; i++) {
        r = from->parse(from->list->at[i], &spec, why, sizeof why);
        if (r == 0 && spec_advice(&spec, why, sizeof why))
            log_say(QHCP_LOG_WARNING, "check \"%s\": %s", spec.name, why);
        c->longest = nsec_max(c->longest, r == 0 ? spec.timeout : 0);
        if (r == 0)
            r = check_add(c->set, loop_now(), &spec, why, sizeof why);
    }
    if (r < 0)
        snprintf(words, words_cap, "--%s: %s", from->option, why);
    return r;
}

static int add_thresholds(struct checks *c, const struct server_options *o, char *words,
                          size_t words_cap)
{
    const struct list *l = &o->degraded;
    char why[CHECKS_WHY];
    int r = 0;

    for (size_t i = 0; i < l->n && r == 0; i++)
        r = qhcp_server_add_threshold(c->core, loop_now(), l->at[i], why, sizeof why);
    if (r < 0)
        snprintf(words, words_cap, "--degraded: %s", why);
    return r;
}

static qhcp_nsec deadline(void *ctx)
{
    const struct checks *c = ctx;

    return c->patience ? nsec_min(c->patience, check_deadline(c->set)) : check_deadline(c->set);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct checks *c = ctx;

    if (check_deadline(c->set) <= now)
        check_expire(c->set, now);
}

int checks_init(struct checks *ret, const struct server_options *o, struct qhcp_server *core,
                struct loop *loop, char *words, size_t words_cap)
{
    const struct check_host host = {.ctx = ret, .result = on_result, .resolve = on_resolve};
    struct server_checks options[SERVER_CHECK_OPTIONS];
    int r;

    *ret = (struct checks){.core = core};
    r = add_thresholds(ret, o, words, words_cap);
    if (r < 0 || o->check.n + o->watch_pid.n + o->watch_unit.n == 0)
        return r;
    r = resolve_new(loop, on_resolved, ret, &ret->resolve);
    if (r == 0)
        r = check_new(&host, &ret->set);
    if (r < 0) {
        snprintf(words, words_cap, "the checks cannot start: %s", qhcp_strerror(r));
        return r;
    }
    ret->part =
        (struct loop_part){.name = "checks", .ctx = ret, .deadline = deadline, .expire = expire};
    loop_add(loop, &ret->part);
    loop_watch(loop, &ret->watch, check_fd(ret->set), LOOP_READABLE, on_ready, ret);
    server_options_checks(o, options);
    for (size_t i = 0; i < SERVER_CHECK_OPTIONS && r == 0; i++)
        r = add_all(ret, &options[i], words, words_cap);
    /* A run that times out has a result, too, a moment later. */
    ret->patience =
        nsec_add(loop_now(), nsec_min(ret->longest + 20 * NSEC_PER_MSEC, CHECKS_PATIENCE));
    return r;
}

void checks_deinit(struct checks *c)
{
    loop_remove(&c->part);
    loop_unwatch(&c->watch);
    check_free(c->set);
    resolve_free(c->resolve);
    *c = (struct checks){.set = NULL};
}

bool checks_awaited(struct checks *c, qhcp_nsec now)
{
    if (c->patience != 0 && (now >= c->patience || check_settled(c->set)))
        c->patience = 0;
    return c->patience != 0;
}
