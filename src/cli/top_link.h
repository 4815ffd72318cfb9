/* What `qhcp top` asks of the load balancer, several things at once, and the stream of events: all
 * on one thread, in one wait. */
#ifndef QHCP_CLI_TOP_LINK_H
#define QHCP_CLI_TOP_LINK_H

#include "cli/admin_call.h"

#define TOP_CALLS 8 /* requests at once */

enum top_ask {
    TOP_SELF, /* how the load balancer is */
    TOP_LIST, /* a part of the list of servers */
    TOP_LOOK, /* one server */
    TOP_ACT,  /* something is to change */
};

struct top_answer {
    enum top_ask ask;
    const json_t *json; /* NULL: it failed ... */
    const char *words;  /* ... and why */
    bool answered;      /* somebody is there, also where it failed */
    uint64_t seq;       /* of the asking */
};

struct top_link_fns {
    void (*answer)(void *ctx, const struct top_answer *a);
    void (*event)(void *ctx, const json_t *event); /* NULL: some events are lost here */
    void (*ended)(void *ctx, const char *words);   /* the stream did */
};

struct top_link {
    const struct admin_client *client;
    const struct top_link_fns *fns;
    void *ctx;
    CURLM *multi;
    struct top_call {
        struct admin_call call; /* free: its easy handle is NULL */
        enum top_ask ask;
        uint64_t seq;
    } calls[TOP_CALLS];
    struct admin_follower stream; /* its easy handle is NULL: there is none */
    bool resync;
};

/* QHCP_E_NOMEM with words.  c, fns and ctx stay. */
int top_link_begin(struct top_link *l, const struct admin_client *c, const struct top_link_fns *fns,
                   void *ctx, const struct words *w);
void top_link_end(struct top_link *l);

/* GET, or POST where there is a body.  seq comes back with the answer.  False: too many are on the
 * way, or memory ran out. */
bool top_link_ask(struct top_link *l, enum top_ask ask, const char *path, const json_t *body,
                  uint64_t seq);
/* How many of that kind are on the way. */
unsigned top_link_open(const struct top_link *l, enum top_ask ask);

/* Events behind this one; a stream before it ends without a word. */
bool top_link_follow(struct top_link *l, uint64_t seq);
void top_link_unfollow(struct top_link *l);

/* Waits until something comes from the load balancer, one of the descriptors can be read, or the
 * time is up; then calls what is to be called. */
void top_link_wait(struct top_link *l, const int *fds, unsigned n, int ms);

#endif
