#include "daemon/lb_reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "base/text.h"
#include "conf/options_copy.h"
#include "daemon/lb.h"
#include "daemon/lb_config.h"

#define WORDS 256

/* On the thread that serves. */
static void work(struct serve_job *job, qhcp_nsec now)
{
    struct lb_reload *r = (struct lb_reload *)job;

    (void)now;
    r->result = reload_read(&r->reload, r->old, r->fresh, &r->faults);
    serve_answer(job);
}

/* Who asked gets the faults themselves, where it has lent room for them. */
static void answer_wishes(struct lb_reload *r, bool good)
{
    char words[WORDS];

    if (good)
        snprintf(words, sizeof words, "%zu server%s", TEXT_COUNT(r->lb->follow.count));
    else if (r->faults.n > 0)
        snprintf(words, sizeof words, "there %s %zu error%s", r->faults.n == 1 ? "is" : "are",
                 TEXT_COUNT(r->faults.n));
    else
        snprintf(words, sizeof words, "%.*s", WORDS - 1, r->words);
    for (size_t i = 0; i < r->n_wishes; i++) {
        if (!good && r->wishes[i].with)
            faults_copy(r->wishes[i].with, &r->faults);
        wish_answer(r->lb->publisher.feed, &r->wishes[i], good ? 0 : QHCP_E_CONFIG, words);
    }
    r->n_wishes = 0;
}

/* In the name of who asked first. */
static void tell_event(struct lb_reload *r, qhcp_nsec now, const char *done)
{
    const struct wish *wish = r->n_wishes > 0 ? &r->wishes[0] : NULL;
    const char *why = wish ? wish->words : "";
    char words[ANNOUNCE_WORDS + 2 + sizeof wish->words];

    snprintf(words, sizeof words, "%s%s%s", done, why[0] != '\0' ? ": " : "", why);
    lb_config_tell(r->lb, now, words, wish ? wish->who : "");
}

static void tell(struct lb_reload *r, qhcp_nsec now)
{
    char words[ANNOUNCE_WORDS];

    snprintf(words, sizeof words, "configuration read again: %zu server%s",
             TEXT_COUNT(r->lb->follow.count));
    log_say(QHCP_LOG_INFO, "%s", words);
    tell_event(r, now, words);
    announce_words(r->lb->publisher.feed, words);
    service_reloaded(r->reload.service, words);
}

static void end(struct lb_reload *r, qhcp_nsec now, bool good)
{
    r->reading = r->waiting = false;
    if (good)
        tell(r, now);
    else
        reload_refused(&r->reload, &r->faults, r->words);
    if (!r->again)
        answer_wishes(r, good);
    faults_deinit(&r->faults);
    if (!r->again)
        return;
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

    if (good && !r->lb->stopping) {
        good = reload_apply(&r->reload, r->fresh, r->words, sizeof r->words) == 0;
        if (good)
            lb_config_reloaded(r->lb, r->fresh);
    }
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
