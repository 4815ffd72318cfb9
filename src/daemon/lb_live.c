/* What a running `qhcp lb` does when options change (the live functions of lb_options.h). */
#include "base/os/log.h"
#include "daemon/lb.h"

int lb_live_log(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    const struct lb *lb = ctx;

    (void)before, (void)words, (void)words_cap;
    log_level((enum qhcp_log_level)lb->options.log_level);
    log_form((enum log_format)lb->options.log_format);
    return 0;
}

int lb_live_status(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;

    (void)before, (void)words, (void)words_cap;
    status_set_interval(&lb->display.status, lb_options_status_interval(&lb->options), loop_now());
    return 0;
}

int lb_live_forward(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;

    (void)before, (void)words, (void)words_cap;
    forward_configure(&lb->forward, &lb->options);
    return 0;
}

/* The core, and who else goes by its intervals. */
int lb_live_watch(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;
    const struct qhcp_lb_config config = lb_core_config(lb);
    int r = qhcp_lb_reload(lb->core, loop_now(), &config, words, words_cap);

    if (r < 0)
        return r;
    publisher_configure(&lb->publisher, &lb->options);
    forward_configure(&lb->forward, &lb->options);
    return lb_live_status(ctx, before, words, words_cap);
}

int lb_live_sources(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;

    (void)before, (void)words, (void)words_cap;
    follow_lists_changed(&lb->follow);
    return 0;
}

int lb_live_sinks(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;

    (void)before, (void)words, (void)words_cap;
    telling_changed(&lb->telling);
    return 0;
}
