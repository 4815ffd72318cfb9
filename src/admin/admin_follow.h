/* What requests wait for: answers to wishes, and changes of the fleet.  While nothing waits, the
 * fleet's publications wake nobody here.  Inside src/admin alone. */
#ifndef QHCP_ADMIN_ADMIN_FOLLOW_H
#define QHCP_ADMIN_ADMIN_FOLLOW_H

#include "fleet/wish.h"
#include "loop/loop.h"

#define ADMIN_ALIVE (15 * NSEC_PER_SEC) /* a stream with nothing to say says so this often */

struct admin;
struct admin_request;
struct feed;
struct feed_reader;

/* Called with the answer to a wish, and what was lent to it. */
typedef void admin_done_fn(struct admin_request *q, const struct wish_answer *answer, void *with);

/* A request that waits for the answer to its wish. */
struct admin_asked {
    struct admin_request *request; /* NULL: free, or its client has gone */
    bool open;
    uint32_t token;
    admin_done_fn *done;
    void *with; /* the wish's, which is lent to it until it is answered */
    void (*free_with)(void *with);
};

/* A request that waits for changes. */
struct admin_stream {
    struct admin_request *request;
    struct admin_stream *prev, *next;
    bool alive; /* it is time to say something */
};

struct admin_follow {
    struct feed_reader *reader;
    struct loop_watch watch;
    struct loop_part part;
    struct admin_asked asked[WISH_OPEN];
    unsigned n_asked;
    struct admin_stream *streams;
    qhcp_nsec alive_at; /* NSEC_NEVER: there is no stream */
    uint64_t seq;       /* of the newest change that streams were woken for */
};

/* QHCP_E_* as reader_open. */
int admin_follow_begin(struct admin_follow *f, struct feed *feed, struct loop *loop);
/* Also for one that is zeroed; no request waits any more. */
void admin_follow_end(struct admin_follow *f);

/* Asks, in the name of the request's client; done is called with the answer, and q is answered
 * after it.  Where that cannot be, the answer says so at once.  w->with, which may be NULL, is
 * freed with free_with when it is not needed any more, in each case. */
void admin_follow_ask(struct admin_request *q, struct wish *w, admin_done_fn *done,
                      void (*free_with)(void *with));
/* A request that has asked is gone. */
void admin_follow_forget(struct admin_request *q);

/* The stream's `more` is woken when the fleet has changed, until admin_follow_leave. */
void admin_follow_join(struct admin_follow *f, struct admin_stream *s);
void admin_follow_leave(struct admin_follow *f, struct admin_stream *s);

#endif
