#include "lb/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lb/internal.h"
#include "wire/registry.h"

static qhcp_nsec or_default(qhcp_nsec value, qhcp_nsec otherwise)
{
    return value == QHCP_OFF ? 0 : value == 0 ? otherwise : value;
}

static void set_defaults(struct qhcp_lb_config *c)
{
    if (c->max_fail_attempts == 0)
        c->max_fail_attempts = 3;
    if (c->check_interval == 0)
        c->check_interval = 10 * NSEC_PER_SEC;
    if (c->liveness_interval == 0)
        c->liveness_interval = nsec_min(c->check_interval, NSEC_PER_SEC);
    if (c->min_silence == 0)
        c->min_silence = health_window(c->liveness_interval);
    if (c->reconnect_interval == 0)
        c->reconnect_interval = 30 * NSEC_PER_SEC;
    if (c->max_drain == 0)
        c->max_drain = LEAVE_MAX;
    if (c->token_lifetime == 0)
        c->token_lifetime = TOKEN_LIFETIME;
    if (c->brake_span == 0)
        c->brake_span = 60 * NSEC_PER_SEC;
    if (c->rise == 0)
        c->rise = HEALTH_RISE;
    if (c->panic_threshold == 0)
        c->panic_threshold = 50;
    if (c->panic_mode != QHCP_USE_NONE)
        c->panic_mode = QHCP_USE_ALL;
    c->flap_hold = or_default(c->flap_hold, HEALTH_FLAP_HOLD);
    c->slow_start = or_default(c->slow_start, HEALTH_SLOW_START);
}

static int copy_strings(struct lb_config *l)
{
    const char **fields[CONFIG_STRINGS] = {&l->c.id, &l->c.cert_file, &l->c.client_cert_file,
                                           &l->c.client_key_file, &l->c.token_file};

    for (size_t i = 0; i < CONFIG_STRINGS; i++) {
        if (!*fields[i])
            continue;
        l->strings[i] = strdup(*fields[i]);
        if (!l->strings[i])
            return QHCP_E_NOMEM;
        *fields[i] = l->strings[i];
    }
    return 0;
}

/* Registered metrics are asked for by number, an application's own by name; the required two
 * always. */
static int copy_metrics(struct lb_config *l, char *words, size_t words_cap)
{
    l->numbers = (struct wire_numbers){.count = 2, .at = {WIRE_METRIC_CPU, WIRE_METRIC_MEMORY}};
    if (l->c.n_metrics > LIMIT_METRICS - 2) {
        snprintf(words, words_cap, "%zu metrics: at most %d", l->c.n_metrics, LIMIT_METRICS - 2);
        return QHCP_E_TOO_MANY;
    }
    for (size_t i = 0; i < l->c.n_metrics; i++) {
        struct slice name = slice_str(l->c.metrics[i]);
        const struct wire_metric_row *row = wire_metric_by_name(name);

        if (row && row->number > WIRE_METRIC_MEMORY) {
            l->numbers.at[l->numbers.count++] = row->number;
        } else if (!row) {
            l->names[i] = strdup(l->c.metrics[i]);
            if (!l->names[i])
                return QHCP_E_NOMEM;
            l->texts.at[l->texts.count++] = slice_str(l->names[i]);
        }
    }
    l->c.metrics = NULL;
    l->c.n_metrics = 0;
    return 0;
}

static void make_session(struct lb_config *l)
{
    if (l->c.id)
        snprintf(l->id, sizeof l->id, "%s", l->c.id);
    else if (gethostname(l->id, sizeof l->id - 1) != 0)
        snprintf(l->id, sizeof l->id, "load balancer");
    l->session = (struct session_lb_config){.lb_id = slice_str(l->id),
                                            .interval_us = l->c.liveness_interval / NSEC_PER_USEC,
                                            .beat_us = l->c.liveness == QHCP_LIVENESS_LISTEN
                                                           ? l->c.liveness_interval / NSEC_PER_USEC
                                                           : 0,
                                            .push = true,
                                            .metrics = &l->numbers,
                                            .metric_names = &l->texts};
}

int config_new(const struct qhcp_lb_config *config, struct lb_config **ret, char *words,
               size_t words_cap)
{
    struct lb_config *l = calloc(1, sizeof *l);
    int err = l ? 0 : QHCP_E_NOMEM;

    snprintf(words, words_cap, "out of memory");
    if (err == 0) {
        l->c = *config;
        set_defaults(&l->c);
        err = copy_strings(l);
    }
    if (err == 0)
        err = copy_metrics(l, words, words_cap);
    if (err != 0) {
        config_free(l);
        return err;
    }
    make_session(l);
    *ret = l;
    return 0;
}

void config_free(struct lb_config *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < CONFIG_STRINGS; i++)
        free(l->strings[i]);
    for (size_t i = 0; i < LIMIT_METRICS; i++)
        free(l->names[i]);
    free(l);
}

bool config_same_metrics(const struct lb_config *a, const struct lb_config *b)
{
    if (a->numbers.count != b->numbers.count || a->texts.count != b->texts.count)
        return false;
    for (size_t i = 0; i < a->numbers.count; i++)
        if (a->numbers.at[i] != b->numbers.at[i])
            return false;
    for (size_t i = 0; i < a->texts.count; i++)
        if (!slice_equal(a->texts.at[i], b->texts.at[i]))
            return false;
    return true;
}

bool config_same_timing(const struct lb_config *a, const struct lb_config *b)
{
    return a->c.liveness_interval == b->c.liveness_interval && a->c.liveness == b->c.liveness &&
           a->c.check_interval == b->c.check_interval && a->c.min_silence == b->c.min_silence &&
           a->c.reconnect_interval == b->c.reconnect_interval &&
           a->c.max_fail_attempts == b->c.max_fail_attempts && a->c.rise == b->c.rise &&
           a->c.flap_hold == b->c.flap_hold && a->c.slow_start == b->c.slow_start;
}
