#include "cli/top_link.h"

#include <inttypes.h>
#include <string.h>

#include <qhcp/error.h>

#define LINK_WORDS 700
#define FDS_MOST 4

int top_link_begin(struct top_link *l, const struct admin_client *c, const struct top_link_fns *fns,
                   void *ctx, const struct words *w)
{
    *l = (struct top_link){.client = c, .fns = fns, .ctx = ctx};
    if (curl_global_init(CURL_GLOBAL_NOTHING) == CURLE_OK)
        l->multi = curl_multi_init();
    return l->multi ? 0 : words_fail(w, QHCP_E_NOMEM, "out of memory");
}

static void give_up(struct top_link *l, struct top_call *c)
{
    if (!c->call.easy)
        return;
    curl_multi_remove_handle(l->multi, c->call.easy);
    admin_call_drop(&c->call);
    admin_client_release(&c->call.answer);
}

void top_link_end(struct top_link *l)
{
    for (size_t i = 0; i < TOP_CALLS; i++)
        give_up(l, &l->calls[i]);
    top_link_unfollow(l);
    curl_multi_cleanup(l->multi);
    l->multi = NULL;
}

bool top_link_ask(struct top_link *l, enum top_ask ask, const char *path, const json_t *body,
                  uint64_t seq)
{
    struct top_call *c = l->calls;

    while (c < l->calls + TOP_CALLS && c->call.easy)
        c++;
    if (c == l->calls + TOP_CALLS ||
        admin_call_begin(&c->call, l->client, path, body, &(struct words){NULL, 0}) != 0)
        return false;
    c->ask = ask;
    c->seq = seq;
    if (curl_multi_add_handle(l->multi, c->call.easy) == CURLM_OK)
        return true;
    give_up(l, c);
    return false;
}

unsigned top_link_open(const struct top_link *l, enum top_ask ask)
{
    unsigned n = 0;

    for (size_t i = 0; i < TOP_CALLS; i++)
        n += l->calls[i].call.easy && l->calls[i].ask == ask;
    return n;
}

/* ---- the stream ---- */

static bool on_line(void *ctx, const char *line)
{
    struct top_link *l = ctx;
    json_t *event;

    if (strcmp(line, "event: resync") == 0)
        l->resync = true;
    if (strncmp(line, "data: ", 6) != 0)
        return true;
    if (l->resync) {
        l->resync = false;
        l->fns->event(l->ctx, NULL);
        return true;
    }
    event = json_loads(line + 6, 0, NULL);
    if (event)
        l->fns->event(l->ctx, event);
    json_decref(event);
    return true;
}

bool top_link_follow(struct top_link *l, uint64_t seq)
{
    char path[80];

    top_link_unfollow(l);
    snprintf(path, sizeof path, "/api/v1/events?stream=1&after=%" PRIu64, seq);
    if (admin_follower_begin(&l->stream, l->client, path, on_line, l, &(struct words){NULL, 0}) !=
        0)
        return false;
    if (curl_multi_add_handle(l->multi, l->stream.easy) == CURLM_OK)
        return true;
    admin_follower_drop(&l->stream);
    return false;
}

void top_link_unfollow(struct top_link *l)
{
    if (!l->stream.easy)
        return;
    curl_multi_remove_handle(l->multi, l->stream.easy);
    admin_follower_drop(&l->stream);
    l->resync = false;
}

/* ---- what has come ---- */

static void call_ended(struct top_link *l, struct top_call *c, CURLcode result)
{
    char words[LINK_WORDS] = "";
    struct top_answer a = {.ask = c->ask, .seq = c->seq, .words = words};
    struct admin_answer answer;
    int r = admin_call_end(&c->call, l->client, result, &(struct words){words, sizeof words});

    answer = c->call.answer; /* (the callback may use the place again) */
    a.json = r == 0 ? answer.json : NULL;
    a.answered = result == CURLE_OK;
    l->fns->answer(l->ctx, &a);
    admin_client_release(&answer);
}

static void ended(struct top_link *l, CURL *easy, CURLcode result)
{
    char words[LINK_WORDS] = "";

    curl_multi_remove_handle(l->multi, easy);
    if (easy == l->stream.easy) {
        admin_follower_end(&l->stream, l->client, result, &(struct words){words, sizeof words});
        l->resync = false;
        l->fns->ended(l->ctx, words);
        return;
    }
    for (size_t i = 0; i < TOP_CALLS; i++) {
        if (l->calls[i].call.easy == easy) {
            call_ended(l, &l->calls[i], result);
            return;
        }
    }
}

void top_link_wait(struct top_link *l, const int *fds, unsigned n, int ms)
{
    struct curl_waitfd waits[FDS_MOST];
    const CURLMsg *m;
    int left;

    for (unsigned i = 0; i < n && i < FDS_MOST; i++)
        waits[i] = (struct curl_waitfd){.fd = fds[i], .events = CURL_WAIT_POLLIN};
    curl_multi_perform(l->multi, &left);
    curl_multi_poll(l->multi, waits, n, ms, NULL);
    curl_multi_perform(l->multi, &left);
    while ((m = curl_multi_info_read(l->multi, &left)))
        if (m->msg == CURLMSG_DONE)
            ended(l, m->easy_handle, m->data.result);
}
