/* What the service manager of `qhcp lb` is told: how far the first sweep is, that the load balancer
 * is ready when the sweep is over, and how the servers are from then on.
 *
 * The sweep is over when every server was found in some state: a unit that is ordered after this
 * one then finds a load balancer that knows where to send traffic.  In: what the publisher
 * publishes.  Out: sd_notify(3), at most once a second, and nothing without a service manager. */
#ifndef QHCP_DAEMON_ANNOUNCE_H
#define QHCP_DAEMON_ANNOUNCE_H

#include "daemon/service.h"

struct feed;

#define ANNOUNCE_MOST (5 * 60 * NSEC_PER_SEC) /* after this it is ready, whatever is unknown */

struct announce {
    struct loop_part part;
    struct loop *loop;
    struct service *service;
    const struct feed *feed;
    qhcp_nsec next; /* words at that time at the earliest */
    qhcp_nsec most; /* ready then at the latest */
    struct announce_count {
        size_t n, healthy, unknown;
    } told; /* what the last words were made of */
};

/* *a stays where it is until announce_end, which is for one that is zeroed, too. */
void announce_begin(struct announce *a, struct loop *loop, struct service *service,
                    const struct feed *feed);
void announce_end(struct announce *a);

/* How the servers are, in words: "2 of 3 servers are healthy". */
#define ANNOUNCE_WORDS 120
void announce_words(const struct feed *feed, char ret[ANNOUNCE_WORDS]);

#endif
