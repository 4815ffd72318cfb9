/* Copies the core's picture of the servers to the fleet (fleet/feed.h), for every part of the
 * process.
 *
 * In: what the core announces, and what the operator's list says; out: one publication a turn of
 * the loop, where something has changed.  What the core does not announce, and what changes all the
 * time (figures), is looked at once a second while somebody wants it. */
#ifndef QHCP_DAEMON_PUBLISHER_H
#define QHCP_DAEMON_PUBLISHER_H

#include "daemon/lb_options.h"
#include "fleet/feed.h"
#include "loop/loop.h"

#include <qhcp/lb.h>

struct listed;

struct published {
    uint32_t slot; /* FLEET_NOBODY: it was removed, and others with it follow */
    bool told;     /* that it was added */
    bool stale;    /* its figures have changed since they were looked at */
    bool counts;   /* it reports its requests in flight: a report counts even if it says the same */
};

struct publisher {
    struct feed *feed;
    const struct qhcp_lb *core; /* set once there is one */
    /* What the forwarder has counted of a server.  NULL: there is none. */
    struct fleet_traffic (*traffic)(void *ctx, const char *address);
    void *traffic_ctx;
    bool held_news;       /* what the brake holds may have changed */
    bool balanced;        /* the forwarder follows reports of those that count */
    struct published *at; /* by the core's index */
    size_t n, cap;
    size_t first_gap;       /* of servers that were removed; SIZE_MAX: there is none */
    size_t n_counts;        /* servers that count */
    size_t look_next;       /* whose figures are looked at next, */
    size_t to_look;         /* of how many at least, */
    size_t words_next;      /* and whose words */
    size_t untold;          /* from this place on some are not `told` */
    qhcp_nsec wanted_until; /* somebody reads figures: all are looked at once a second */
    qhcp_nsec look_at;      /* at figures; NSEC_NEVER: none is stale */
    qhcp_nsec all_at; /* when all of them are stale: what is not announced is no older than that */
    struct loop_part part;
};

/* Takes part in the loop.  servers: about so many there will be.  QHCP_E_NOMEM, QHCP_E_IO.  *ret
 * must stay where it is; end it with publisher_deinit, before the loop and after the core, also
 * after a failure. */
int publisher_init(struct publisher *ret, struct loop *loop, size_t servers);
void publisher_deinit(struct publisher *p);

/* qhcp_lb_config's callbacks of these names. */
void publisher_changed(struct publisher *p, const struct qhcp_changed *changed);
void publisher_event(struct publisher *p, const struct qhcp_event *event, qhcp_nsec now);

/* What the operator wants of a server of the list, which the core has by now.  Published at the end
 * of the turn. */
void publisher_listed(struct publisher *p, const struct listed *listed);
/* When it is panic.  Published at once. */
void publisher_configure(struct publisher *p, const struct lb_options *o);

/* What the list says of one server, to be published next; it is watched by now. */
void publisher_listed(struct publisher *p, const struct listed *listed);

/* All figures are of now, and words that only time changes nearly so, in a snapshot that is
 * published at once. */
void publisher_refresh(struct publisher *p, qhcp_nsec now);

/* Somebody reads figures until then: those that nobody announces are kept fresh too. */
void publisher_want(struct publisher *p, qhcp_nsec now, qhcp_nsec until);

/* The slot of the server at this index of the core; FLEET_NOBODY. */
uint32_t publisher_slot(const struct publisher *p, size_t index);

/* The name that the operator gave it, as fleet_change.label; "" where FLEET_LABEL is its address.
 */
void publisher_label(const struct fleet_entry *e, char ret[FLEET_LABEL_MAX]);

/* FLEET_SERVICES one by one, as qhcp_lb_services. */
size_t publisher_services(const struct fleet_entry *e, char ret[][QHCP_SERVICE], size_t cap);

#endif
