#include "daemon/lb_config.h"

#include <stdio.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "conf/change.h"
#include "conf/patch.h"
#include "conf/print.h"
#include "daemon/lb.h"

void lb_config_tell(struct lb *lb, qhcp_nsec now, const char *words, const char *who)
{
    struct fleet_change c = {.kind = FLEET_CONFIG,
                             .slot = FLEET_NOBODY,
                             .cause = QHCP_CAUSE_OPERATOR,
                             .at = now,
                             .at_ms = clock_wall_ms()};

    snprintf(c.words, sizeof c.words, "%s", words);
    snprintf(c.who, sizeof c.who, "%s", who);
    feed_tell(lb->publisher.feed, &c);
}

/* In force already; `patch` has what was. */
static void tell(struct lb *lb, qhcp_nsec now, const struct wish *wish, const struct patch *patch,
                 char *words, size_t words_cap)
{
    struct text t = {0};

    patch_words(patch, &lb->options.head, &t);
    snprintf(words, words_cap, "%s", t.failed || t.n == 0 ? "options have changed" : t.at);
    if (wish->words[0] != '\0')
        text_printf(&t, ": %s", wish->words);
    lb_config_tell(lb, now, t.failed ? words : t.at, wish->who);
    text_deinit(&t);
}

int lb_config_change(void *ctx, qhcp_nsec now, const struct wish *wish, char *words,
                     size_t words_cap)
{
    struct lb *lb = ctx;
    struct patch *patch = wish->with;
    int r;

    if (lb->stopping || lb->reload.reading) {
        snprintf(words, words_cap,
                 lb->stopping ? "the load balancer is stopping" : "a reload is under way");
        return QHCP_E_ARG;
    }
    if (patch->number != 0 && patch->number != lb->in_force.number) {
        snprintf(words, words_cap, "other options are in force by now");
        return QHCP_E_AGAIN;
    }
    snprintf(words, words_cap, "out of memory");
    r = change_apply(lb, &lb->options.head, patch->options, patch->rows, words, words_cap);
    if (r < 0)
        return r;
    in_force_put(&lb->in_force, &lb->options.head);
    tell(lb, now, wish, patch, words, words_cap);
    return 0;
}

static void say_gone(const struct options *in_force, const struct options *before,
                     const struct options_row *row)
{
    struct text t = {0}, was = {0};

    print_value(&t, in_force, row);
    print_value(&was, before, row);
    if (!t.failed && !was.failed)
        log_say(QHCP_LOG_WARNING,
                "%s is %s again, as the configuration says: the admin interface had set it to %s",
                options_key(row), t.at, was.at);
    text_deinit(&t);
    text_deinit(&was);
}

void lb_config_reloaded(struct lb *lb, const struct options *before)
{
    const struct options_table *table = before->table;

    for (size_t i = 0; i < table->n; i++)
        if (options_asked(before, &table->rows[i]) &&
            options_differ(&lb->options.head, before, &table->rows[i]))
            say_gone(&lb->options.head, before, &table->rows[i]);
    in_force_put(&lb->in_force, &lb->options.head);
}
