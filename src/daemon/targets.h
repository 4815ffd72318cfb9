/* The servers as the forwarder uses them: each has a target, found by its slot in the fleet, which
 * says where its connections go, and a row of the forwarder's table.
 *
 * In: snapshots of the fleet, of which only what has changed is looked at, and what the operator's
 * list says of services; out: rows (proxy.h), and addresses back to the fleet. */
#ifndef QHCP_DAEMON_TARGETS_H
#define QHCP_DAEMON_TARGETS_H

#include "conf/list.h"
#include "daemon/inherit.h"
#include "fleet/feed.h"
#include "proxy/proxy.h"
#include "sources/listed.h"

struct target {
    size_t id;               /* the proxy's: its slot, and above it a number of its own */
    size_t place;            /* of its row in targets.rows */
    uint64_t key;            /* the identity of the server that it is of */
    uint32_t sessions;       /* of which its address was found ... */
    uint32_t lists;          /* ... and when (targets.lists) */
    bool probed;             /* connections to it have failed: the prober looks */
    bool shut;               /* and has found it so */
    bool told;               /* that a service of its was refused */
    bool down;               /* as seen last */
    bool falling;            /* in targets.fell ... */
    struct target *fell;     /* ... before this one */
    union qhcp_addr address; /* of its data port; AF_UNSPEC: none is known */
    uint16_t port;           /* of its service in the list; 0: what the server offers */
    union qhcp_addr service; /* where that is; AF_UNSPEC: at the server's verified address */
    char name[];
};

struct targets {
    struct feed *feed;
    void *ctx;
    /* The server has gone, or its connections go elsewhere from now on (the old address is still in
     * the target). */
    void (*gone)(void *ctx, qhcp_nsec now, const struct target *t);
    void (*moves)(void *ctx, qhcp_nsec now, const struct target *t);

    uint16_t own_port;           /* the load balancer's: connections to there would be a loop */
    const union qhcp_addr *own;  /* its two addresses */
    const struct list *allowed;  /* --allow-service */
    struct inherited *inherited; /* of the load balancer before us, or NULL */

    struct target **at; /* by slot; NULL: none */
    size_t slots, n;
    uint32_t numbers, lists; /* given so far */
    struct proxy_server *rows;
    struct target **of;  /* the row's target */
    uint64_t *changed;   /* a bit for each row that is not as the caller saw it last */
    size_t cap;          /* of the three */
    struct target *fell; /* those that went down since the caller looked: targets_fell */
    size_t services;     /* targets that have an address */
    uint64_t seen;       /* the version of the snapshot that they are of */
    enum qhcp_use use;
    /* Since the caller set these to false: */
    bool news;   /* a row has changed in more than its figures, */
    bool shares; /* a share has, */
    bool found;  /* an address has, which the fleet has from its next publication on */
};

void targets_deinit(struct targets *t);

/* What the list says of a server, which the fleet has, from now on. */
void targets_listed(struct targets *t, qhcp_nsec now, const struct listed *listed);
/* Which services are allowed has changed. */
void targets_look_again(struct targets *t);
/* As the newest snapshot has the servers. */
void targets_follow(struct targets *t, qhcp_nsec now);
/* The next of those that went down since they were asked for last, and still are; NULL: no more. */
struct target *targets_fell(struct targets *t);
/* What was inherited counts no more. */
void targets_disinherit(struct targets *t, qhcp_nsec now);

/* The caller has seen all rows: none has changed. */
void targets_seen(struct targets *t);

/* Nothing is known of some of them yet. */
bool targets_undecided(const struct targets *t);

/* NULL: there is none. */
struct target *targets_of_slot(const struct targets *t, uint32_t slot);
struct target *targets_of_id(const struct targets *t, size_t id);
/* By the server's address, as anybody writes it. */
struct target *targets_find(const struct targets *t, const char *address);

#endif
