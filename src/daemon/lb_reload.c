#include "daemon/lb_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "base/text.h"
#include "daemon/lb.h"

#define WORDS 256

/* On the thread that serves. */
static void work(struct serve_job *job, qhcp_nsec now)
{
    struct lb_reload *r = (struct lb_reload *)job;

    (void)now;
    r->result = reload_read(&r->reload, r->old, r->fresh, &r->faults);
    serve_answer(job);
}

static void answer_wishes(struct lb_reload *r, bool good)
{
    char words[WORDS];

    if (good)
        snprintf(words, sizeof words, "%zu server%s", TEXT_COUNT(r->lb->follow.count));
    else
        snprintf(words, sizeof words,
                 "reload refused, the old configuration stays in force: see the log");
    for (size_t i = 0; i < r->n_wishes; i++)
        wish_answer(r->lb->publisher.feed, &r->wishes[i], good ? 0 : QHCP_E_CONFIG, words);
    r->n_wishes = 0;
}

static void end(struct lb_reload *r, qhcp_nsec now, bool good)
{
    char words[ANNOUNCE_WORDS];

    r->reading = r->waiting = false;
    if (good) {
        log_say(QHCP_LOG_INFO, "configuration read again: %zu server%s",
                TEXT_COUNT(r->lb->follow.count));
        announce_words(r->lb->publisher.feed, words);
        service_reloaded(r->reload.service, words);
    } else {
        reload_refused(&r->reload, &r->faults, r->words);
    }
    faults_deinit(&r->faults);
    r->faults = (struct faults){.n = 0};
    if (!r->again) {
        answer_wishes(r, good);
        return;
    }
    r->again = false;
    lb_reload_begin(r, now);
}

static void free_options(struct options **o)
{
    if (*o)
        options_deinit(*o);
    free(*o);
    *o = NULL;
}

static void done(struct serve_job *job, qhcp_nsec now)
{
    struct lb_reload *r = (struct lb_reload *)job;
    bool good = r->result == 0;

    if (good && !r->lb->stopping)
        good = reload_apply(&r->reload, r->fresh, r->words, sizeof r->words) == 0;
    free_options(&r->fresh);
    free_options(&r->old);
    r->reading = false;
    r->waiting = good && !follow_settled(&r->lb->follow);
    if (!r->waiting)
        end(r, now, good);
}

void lb_reload_followed(void *ctx, qhcp_nsec now)
{
    struct lb *lb = ctx;

    if (lb->reload.waiting)
        end(&lb->reload, now, true);
}

/* The lists in force, for what is read from standard input once. */
static struct options *copy_lists(const struct options *from)
{
    struct options *to = calloc(1, from->table->size);

    if (!to)
        return NULL;
    options_init(to, from->table);
    for (size_t i = 0; i < from->table->n; i++)
        if (options_repeatable(&from->table->rows[i]))
            (void)options_copy_list(to, from, &from->table->rows[i]);
    return to;
}

static bool uses_stdin(const struct reload *r)
{
    for (int i = 1; i < r->argc; i++) {
        const char *at = strstr(r->argv[i], "@-");

        if (at && at[2] == '\0')
            return true;
    }
    return false;
}

void lb_reload_begin(struct lb_reload *r, qhcp_nsec now)
{
    bool old = uses_stdin(&r->reload);

    if (r->reading || r->waiting) {
        r->again = true;
        return;
    }
    service_reloading(r->reload.service, now);
    r->job.work = work;
    r->job.done = done;
    r->fresh = calloc(1, r->reload.spec->options->size);
    r->old = old ? copy_lists(r->reload.options) : NULL;
    snprintf(r->words, sizeof r->words, "out of memory");
    r->reading = r->fresh && (!old || r->old) && serve_give(r->lb->serve, &r->job) == 0;
    if (r->reading)
        return;
    free_options(&r->fresh);
    free_options(&r->old);
    end(r, now, false);
}

int lb_reload_wish(struct lb_reload *r, qhcp_nsec now, const struct wish *wish)
{
    if (r->n_wishes == LB_RELOAD_WISHES)
        return QHCP_E_FULL;
    r->wishes[r->n_wishes++] = *wish;
    lb_reload_begin(r, now);
    return 0;
}

void lb_reload_deinit(struct lb_reload *r)
{
    faults_deinit(&r->faults);
    free_options(&r->fresh);
    free_options(&r->old);
}
