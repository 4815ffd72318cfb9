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

int reload_read(const struct reload *r, const struct options *old, struct options *fresh,
                struct faults *f)
{
    return args_reload(r->spec, r->argc, r->argv, old, fresh, f);
}

int reload_apply(const struct reload *r, struct options *fresh, char *words, size_t words_cap)
{
    int e = r->again ? r->again(r->ctx, words, words_cap) : 0;

    if (e == 0)
        e = change_apply(r->ctx, r->options, fresh, NULL, words, words_cap);
    if (e == 0)
        say_frozen(r->options, fresh);
    return e;
}

/* Puts it in force; on failure words say why, or *f does. */
static int follow(const struct reload *r, struct options *fresh, struct faults *f, char *words,
                  size_t words_cap)
{
    int e = reload_read(r, r->options, fresh, f);

    if (e == 0)
        e = reload_apply(r, fresh, words, words_cap);
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

void reload_refused(const struct reload *r, struct faults *f, const char *words)
{
    say_refused(f, words);
    service_reloaded(r->service, "reload refused: see the log");
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
    if (!done)
        reload_refused(r, &faults, words);
    faults_deinit(&faults);
    return done;
}
