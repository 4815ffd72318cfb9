#include "daemon/lb_admin.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os/log.h"
#include "base/version.h"

#define BEAT NSEC_PER_SEC
#define WORDS 700

static qhcp_nsec deadline(void *ctx)
{
    const struct lb_admin *a = ctx;

    return nsec_add(atomic_load_explicit(&a->pulse.beat, memory_order_relaxed), BEAT);
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct lb_admin *a = ctx;
    struct qhcp_self self;

    qhcp_lb_self(a->host.publisher->core, now, &self);
    atomic_store_explicit(&a->pulse.local_score, self.local_score, memory_order_relaxed);
    atomic_store_explicit(&a->pulse.suspects, (uint32_t)self.suspects, memory_order_relaxed);
    atomic_store_explicit(&a->pulse.beat, now, memory_order_relaxed);
    if (nsec_add(atomic_load(&a->pulse.looked_at), ADMIN_LOOKED) > now)
        publisher_want(a->host.publisher, now, nsec_add(now, ADMIN_LOOKED));
}

static void tell(void *ctx, int level, const char *words)
{
    (void)ctx;
    log_say((enum qhcp_log_level)level, "admin interface: %s", words);
}

static size_t connections(void)
{
    struct rlimit limit;

    return admin_connections(getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur);
}

static int open_admin(struct lb_admin *a, const struct lb_options *o, bool take_over, char *words,
                      size_t words_cap)
{
    struct admin_address at[ADMIN_ADDRESSES];
    struct admin_config config = {.at = at,
                                  .connections = connections(),
                                  .metrics_servers = (size_t)o->metrics_servers,
                                  .again = take_over,
                                  .feed = a->host.publisher->feed,
                                  .in_force = a->host.in_force,
                                  .loop = serve_loop(a->host.serve),
                                  .watching = a->host.loop,
                                  .pulse = &a->pulse,
                                  .sinks = a->host.sinks,
                                  .id = a->id,
                                  .version = BASE_VERSION,
                                  .history = a->history,
                                  .recorder = a->host.recorder,
                                  .cert_file = o->admin_cert,
                                  .key_file = o->admin_key,
                                  .insecure = o->insecure,
                                  .log = tell,
                                  .ctx = a};
    char warning[WORDS] = "";
    int r;

    (void)recording_path(o->history, o->port, a->history, warning, sizeof warning);
    warning[0] = '\0'; /* the recording says it */
    if (o->id)
        snprintf(a->id, sizeof a->id, "%s", o->id);
    else
        (void)gethostname(a->id, sizeof a->id - 1);
    r = admin_address_all(&o->admin, o->port, at, &config.n, words, words_cap);

    if (r < 0 || config.n == 0)
        return r;
    if (words[0] != '\0')
        log_say(QHCP_LOG_WARNING, "%s", words);
    r = admin_new(&config, &a->admin, warning, words, words_cap < WORDS ? words_cap : WORDS);
    if (warning[0] != '\0')
        log_say(QHCP_LOG_WARNING, "%s", warning);
    return r;
}

int lb_admin_begin(struct lb_admin *ret, const struct lb_options *o, bool take_over,
                   const struct lb_admin_host *host, char *words, size_t words_cap)
{
    int r;

    *ret = (struct lb_admin){.host = *host};
    ret->part =
        (struct loop_part){.name = "pulse", .ctx = ret, .deadline = deadline, .expire = expire};
    atomic_store(&ret->pulse.beat, loop_now());
    r = open_admin(ret, o, take_over, words, words_cap);
    if (ret->admin)
        loop_add(host->loop, &ret->part);
    return r;
}

void lb_admin_end(struct lb_admin *a)
{
    loop_remove(&a->part);
    admin_free(a->admin);
    *a = (struct lb_admin){.admin = NULL};
}

static void release(struct serve_job *job, qhcp_nsec now)
{
    struct lb_admin *a = (struct lb_admin *)((char *)job - offsetof(struct lb_admin, release));

    (void)now;
    admin_release(a->admin);
    serve_answer(job);
}

static void released(struct serve_job *job, qhcp_nsec now)
{
    (void)job, (void)now;
}

void lb_admin_release(struct lb_admin *a)
{
    if (!a->admin || a->release.work)
        return;
    a->release = (struct serve_job){.work = release, .done = released};
    (void)serve_give(a->host.serve, &a->release); /* where there is no room, they end with us */
}
