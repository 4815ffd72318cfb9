#include "daemon/reload.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/log.h"
#include "conf/change.h"
#include "daemon/service.h"

#define RELOAD_WORDS 700

bool reload_wanted(const struct reload *r, int signum)
{
    return signum == SIGHUP && (options_config(r->options) || service_managed());
}

static void say_frozen(const struct options *in_force, const struct options *fresh)
{
    const char *name;

    for (size_t i = 0; (name = change_frozen(in_force, fresh, &i));)
        log_say(QHCP_LOG_WARNING, "--%s has changed: this needs a restart", name);
}

/* Puts it in force; on failure words say why, or *f does. */
static int follow(const struct reload *r, struct options *fresh, struct faults *f, char *words,
                  size_t words_cap)
{
    int e = args_reload(r->spec, r->argc, r->argv, r->options, fresh, f);

    if (e == 0 && r->again)
        e = r->again(r->ctx, words, words_cap);
    if (e == 0)
        e = change_apply(r->ctx, r->options, fresh, words, words_cap);
    if (e == 0)
        say_frozen(r->options, fresh);
    options_deinit(fresh);
    return e;
}

static void say_fault(void *ctx, const char *line)
{
    (void)ctx;
    log_say(QHCP_LOG_ERROR, "%s", line);
}

static void say_refused(struct faults *f, const char *words)
{
    const char *one = f->n > 0 ? faults_text(f) : words;

    if (f->n > 1) {
        log_say(QHCP_LOG_ERROR,
                "reload refused, the old configuration stays in force: there are %zu errors", f->n);
        faults_each(f, say_fault, NULL);
        return;
    }
    log_say(QHCP_LOG_ERROR, "reload refused, the old configuration stays in force: %.*s",
            (int)strcspn(one, "\n"), one);
}

bool reload(const struct reload *r, qhcp_nsec now)
{
    struct options *fresh = calloc(1, r->spec->options->size);
    char words[RELOAD_WORDS] = "out of memory";
    struct faults faults = {.n = 0};
    bool done;

    service_reloading(r->service, now);
    done = fresh && follow(r, fresh, &faults, words, sizeof words) == 0;
    free(fresh);
    if (!done) {
        say_refused(&faults, words);
        service_reloaded(r->service, "reload refused: see the log");
    }
    faults_deinit(&faults);
    return done;
}
