#include "loop/ask.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/channel.h"

struct question {
    struct ask *ask;
    enum records_type type;
};

struct ask {
    struct channel channel;
    ask_fn *done;
    void *ctx;
    bool closing;
    size_t under_way;
    struct question a, aaaa, srv;
};

static void on_answer(void *arg, int status, int timeouts, unsigned char *message, int n)
{
    const struct question *q = arg;
    struct ask *ask = q->ask;
    struct records records = {0};
    char words[200];
    int r = QHCP_E_IO;

    (void)timeouts;
    ask->under_way--;
    if (ask->closing)
        return;
    /* ENODATA: the name is there, and perhaps an alias in the answer leads nowhere */
    if ((status == ARES_SUCCESS || status == ARES_ENODATA) && message && n > 0)
        r = records_parse(message, (size_t)n, q->type, &records, words, sizeof words);
    else if (status == ARES_ENODATA) /* since c-ares 1.28 a search shows no message with it */
        r = 0;
    else
        snprintf(words, sizeof words, "%s", channel_words(status));
    ask->done(ask->ctx, q->type, r == 0 ? &records : NULL, r == 0 ? "" : words);
    free(records.at);
}

int ask_new(struct loop *loop, const char *server, ask_fn *done, void *ctx, struct ask **ret)
{
    struct ask *a = calloc(1, sizeof *a);
    int r;

    if (!a)
        return QHCP_E_NOMEM;
    *a = (struct ask){.done = done,
                      .ctx = ctx,
                      .a = {a, RECORDS_A},
                      .aaaa = {a, RECORDS_AAAA},
                      .srv = {a, RECORDS_SRV}};
    r = channel_open(&a->channel, loop, server);
    if (r < 0)
        free(a);
    else
        *ret = a;
    return r;
}

void ask_free(struct ask *a)
{
    if (!a)
        return;
    a->closing = true;
    channel_close(&a->channel);
    free(a);
}

void ask_cancel(struct ask *a)
{
    ares_cancel(a->channel.ares);
    channel_asked(&a->channel);
}

void ask_start(struct ask *a, const char *name, enum records_type type)
{
    struct question *q = type == RECORDS_A ? &a->a : type == RECORDS_AAAA ? &a->aaaa : &a->srv;
    size_t n = strlen(name);
    bool whole = n > 0 && name[n - 1] == '.';

    if (a->under_way++ == 0)
        channel_refresh(&a->channel);
    (whole ? ares_query : ares_search)(a->channel.ares, name, ns_c_in, (int)type, on_answer, q);
    channel_asked(&a->channel);
}
