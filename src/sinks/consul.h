/* What a Consul agent is told of: the members of sink_consul.c, one for each server, and the queue
 * of those with news.  Inside src/sinks alone. */
#ifndef QHCP_SINKS_CONSUL_H
#define QHCP_SINKS_CONSUL_H

#include "sinks/http_client.h"
#include "sinks/sink.h"
#include "sinks/sink_url.h"

#define CONSUL_WORDS 300 /* bytes of a check's output */

enum consul_status { CONSUL_PASSING, CONSUL_WARNING, CONSUL_CRITICAL };

struct consul_member {
    struct consul *consul;
    struct consul_member *next, **link; /* all of them */
    struct consul_member *later;        /* the queue of those with news */
    bool queued, busy;                  /* busy: a request is under way */
    bool gone;                          /* to be deregistered */
    bool registered;                    /* as far as is known ... */
    bool confirmed;                     /* ... and it was updated since */
    bool news;                          /* the agent has another status of it */
    uint64_t key;
    enum consul_status status;
    uint8_t use, cause; /* what the words are about */
    char words[CONSUL_WORDS];
    char *id, *definition; /* definition: the JSON that registers it, without its end; NULL: it
                              cannot be registered yet */
    qhcp_nsec due;
};

struct consul {
    struct sink sink;
    struct sink_url url;
    const char *service; /* NULL: checks alone */
    qhcp_nsec ttl;
    unsigned at_most, running;
    struct http_client http;
    struct consul_member *members, **slots;
    uint32_t n_slots;
    struct consul_member *first, **last; /* the queue */
    size_t n_queued, n_gone;
    unsigned silent; /* failures in a row */
    bool away;       /* it may have forgotten */
    qhcp_nsec wake_at, pause_until;
    struct loop_part part;
};

/* It has news, or is due; not while its request is under way. */
void consul_enqueue(struct consul_member *m);
/* NULL: the queue is empty. */
struct consul_member *consul_dequeue(struct consul *c);
/* Of one that is not in the queue. */
void consul_free_member(struct consul_member *m);

/* Room for so many slots; false: out of memory. */
bool consul_room(struct consul *c, uint32_t slots);
/* What is said of this slot now: its member comes, has news, or is gone. */
void consul_look(struct consul *c, const struct sink_view *view, uint32_t slot);

#endif
