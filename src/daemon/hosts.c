/* Questions wait in a list of the watching thread's, and a few at a time are with the other one,
 * each in a place of its own that its answer comes back in.
 *
 * A question that no DNS server answers takes seconds.  When that happens again and again, those
 * that wait are told so at once, and not after minutes; a few go on asking. */
#include "daemon/hosts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "daemon/serve.h"
#include "loop/loop.h"

#define HOSTS_AT_ONCE 64 /* as many as resolve.c has under way */
#define HOSTS_SILENT                                                                               \
    16                 /* questions in a row: from then on it is the DNS servers, not the names    \
                        */
#define HOSTS_PROBES 8 /* questions under way from then on */
#define HOSTS_TELL 200 /* in a turn */

struct question {
    struct question *next;
    size_t index;
    uint16_t port;
    char host[];
};

/* While it is given, the thread that serves alone touches it. */
struct place {
    struct serve_job job;
    struct hosts *hosts;
    struct question *question; /* NULL: free */
    size_t n;
    bool silent;
    union qhcp_addr addrs[LIMIT_ADDRS];
    char words[400];
};

struct hosts {
    struct loop_part part; /* of the thread that watches */
    struct serve *serve;
    struct resolve *resolve; /* of the thread that serves */
    void (*done)(void *ctx, const struct resolve_answer *answer);
    void *ctx;
    struct question *first, **last;
    size_t given;    /* places that are not free */
    unsigned silent; /* answers in a row that no DNS server has given */
    struct place places[HOSTS_AT_ONCE];
};

static void on_resolved(void *ctx, const struct resolve_answer *answer)
{
    struct hosts *h = ctx;
    struct place *p = &h->places[answer->index];

    p->n = answer->n < LIMIT_ADDRS ? answer->n : LIMIT_ADDRS;
    p->silent = answer->silent;
    if (p->n > 0)
        memcpy(p->addrs, answer->addrs, p->n * sizeof *p->addrs);
    snprintf(p->words, sizeof p->words, "%s", answer->words);
    serve_answer(&p->job);
}

static void work(struct serve_job *job, qhcp_nsec now)
{
    struct place *p = (struct place *)job;
    const struct question *q = p->question;

    (void)now;
    if (resolve_start(p->hosts->resolve, (size_t)(p - p->hosts->places), q->host, q->port) == 0)
        return;
    p->n = 0;
    p->silent = false;
    snprintf(p->words, sizeof p->words, "cannot resolve %s: out of memory", q->host);
    serve_answer(job);
}

static void done(struct serve_job *job, qhcp_nsec now)
{
    struct place *p = (struct place *)job;
    struct question *q = p->question;
    const struct resolve_answer answer = {.index = q->index,
                                          .host = q->host,
                                          .port = q->port,
                                          .addrs = p->addrs,
                                          .n = p->n,
                                          .words = p->words,
                                          .silent = p->silent};
    struct hosts *h = p->hosts;

    (void)now;
    h->silent = p->silent ? h->silent + 1 : 0;
    h->done(h->ctx, &answer);
    p->question = NULL;
    h->given--;
    free(q);
}

static struct question *take(struct hosts *h)
{
    struct question *q = h->first;

    h->first = q->next;
    if (!h->first)
        h->last = &h->first;
    return q;
}

static size_t room(const struct hosts *h)
{
    size_t most = h->silent < HOSTS_SILENT ? HOSTS_AT_ONCE : HOSTS_PROBES;

    return most > h->given ? most - h->given : 0;
}

/* Gives as many questions away as there is room for. */
static void give(struct hosts *h)
{
    for (size_t i = 0; i < HOSTS_AT_ONCE && h->first && room(h) > 0; i++) {
        struct place *p = &h->places[i];

        if (p->question)
            continue;
        p->job.work = work;
        p->job.done = done;
        p->hosts = h;
        p->question = h->first;
        if (serve_give(h->serve, &p->job) != 0) {
            p->question = NULL; /* others have all the room: in another turn */
            return;
        }
        h->given++;
        (void)take(h);
    }
}

/* It would wait for the same DNS servers. */
static void tell_silent(struct hosts *h)
{
    struct question *q = take(h);
    char words[400];
    const struct resolve_answer answer = {
        .index = q->index, .host = q->host, .port = q->port, .words = words, .silent = true};

    snprintf(words, sizeof words, "cannot resolve %s: " RESOLVE_SILENT, q->host);
    h->done(h->ctx, &answer);
    free(q);
}

static bool is_silent(const struct hosts *h)
{
    return h->first && h->silent >= HOSTS_SILENT && room(h) == 0;
}

static void turn(void *ctx, qhcp_nsec now)
{
    (void)now;
    give(ctx);
}

static qhcp_nsec deadline(void *ctx)
{
    return is_silent(ctx) ? loop_now() : NSEC_NEVER;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct hosts *h = ctx;

    (void)now;
    for (unsigned i = 0; i < HOSTS_TELL && is_silent(h); i++)
        tell_silent(h);
}

int hosts_new(struct loop *watching, struct serve *serve,
              void (*answered)(void *ctx, const struct resolve_answer *answer), void *ctx,
              struct hosts **ret)
{
    struct hosts *h = calloc(1, sizeof *h);
    int r;

    if (!h)
        return QHCP_E_NOMEM;
    h->serve = serve;
    h->done = answered;
    h->ctx = ctx;
    h->last = &h->first;
    r = resolve_new(serve_loop(serve), on_resolved, h, &h->resolve);
    if (r < 0) {
        free(h);
        return r;
    }
    h->part = (struct loop_part){
        .name = "hosts", .ctx = h, .deadline = deadline, .expire = expire, .turn = turn};
    loop_add(watching, &h->part);
    *ret = h;
    return 0;
}

void hosts_free(struct hosts *h)
{
    if (!h)
        return;
    loop_remove(&h->part);
    resolve_free(h->resolve);
    for (size_t i = 0; i < HOSTS_AT_ONCE; i++)
        free(h->places[i].question);
    while (h->first) {
        struct question *q = h->first;

        h->first = q->next;
        free(q);
    }
    free(h);
}

int hosts_start(struct hosts *h, size_t index, const char *host, uint16_t port)
{
    size_t n = strlen(host) + 1;
    struct question *q = malloc(sizeof *q + n);

    if (!q)
        return QHCP_E_NOMEM;
    *q = (struct question){.index = index, .port = port};
    memcpy(q->host, host, n);
    *h->last = q;
    h->last = &q->next;
    give(h);
    return 0;
}
