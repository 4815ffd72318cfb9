/* What a running `qhcp lb` does when options change (the live functions of lb_options.h). */
#include "base/os/log.h"
#include "daemon/lb.h"
#include "daemon/needs.h"
#include "daemon/watch.h"

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

static void on_removed(void *ctx, const char *address)
{
    struct lb *lb = ctx;

    probes_forget(&lb->probes, address);
}

/* The status and the forwarder follow what the core watches, and how often. */
int lb_live_watch(void *ctx, const struct options *before, char *words, size_t words_cap)
{
    struct lb *lb = ctx;
    const struct qhcp_lb_config config = lb_core_config(lb);
    const struct watch_change change = {.core = lb->core,
                                        .config = &config,
                                        .old = &((const struct lb_options *)before)->servers,
                                        .list = &lb->options.servers,
                                        .ctx = lb,
                                        .removed = on_removed};
    int r = watch_change(&change, words, words_cap);

    if (r < 0)
        return r;
    if (lb->options.servers.n > ((const struct lb_options *)before)->servers.n) {
        needs_memory(LB_MEMORY, lb->options.servers.n);
        needs_room(lb->loop, lb->options.servers.n);
    }
    publisher_configure(&lb->publisher, &lb->options);
    forward_configure(&lb->forward, &lb->options);
    return lb_live_status(ctx, before, words, words_cap);
}
