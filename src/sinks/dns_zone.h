/* What a zone says of the servers: which names there are below it, and which servers a name stands
 * for.  Names are labels in lower case.  Nothing here knows messages, sockets or the fleet. */
#ifndef QHCP_SINKS_DNS_ZONE_H
#define QHCP_SINKS_DNS_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qhcp/types.h>

#define DNS_ZONE_LABEL 64 /* a label and its NUL */
#define DNS_ZONE_MOST 500 /* records of one answer */

enum dns_use {
    DNS_NEVER = 0, /* it was taken out, or nothing is known */
    DNS_LAST,      /* it is down: only where a name has no other */
    DNS_NOW,
};

struct dns_host {
    union qhcp_addr at; /* AF_UNSPEC: it has no data port */
    enum dns_use use;
    uint16_t priority, weight;
    uint8_t percent; /* of the weight */
};

struct dns_node;

struct dns_zone {
    struct dns_host *hosts; /* by slot */
    char **names;           /* by slot: labels that stand for it, each with a NUL, then another */
    uint32_t n;
    struct dns_node *nodes;
    bool fail_open; /* before the first answer: a name of which no server is DNS_NOW stands for
                       those that are DNS_LAST */
    unsigned most;  /* records of one answer; 1 to DNS_ZONE_MOST */
    unsigned turn;  /* each answer begins with another server */
    uint64_t version, changes; /* of who may be in which answer; of whatever answers have */
};

void dns_zone_deinit(struct dns_zone *z);

/* Slot `slot` is that server from now on, which has these names besides its address's: label,
 * tags with | between, services each with a NUL and n_services bytes in all.  What does not belong
 * in a label becomes "-".  False: out of memory; the server is not in the zone. */
bool dns_zone_set(struct dns_zone *z, uint32_t slot, const struct dns_host *host, const char *label,
                  const char *tags, const char *services, size_t n_services);
void dns_zone_unset(struct dns_zone *z, uint32_t slot);

/* The label of a name, a tag or a service of n bytes.  False: it has none. */
bool dns_zone_label(const char *name, size_t n, char ret[DNS_ZONE_LABEL]);

/* Is it a name?  NULL and "" stand for all servers, and are one. */
bool dns_zone_has(const struct dns_zone *z, const char *label);

/* The servers that an answer about the label has, at most z->most.  family: AF_INET or AF_INET6,
 * whose servers of the first tier that has any, each address once; AF_UNSPEC: of all tiers and both
 * families.  The next answer begins with another one. */
size_t dns_zone_pick(struct dns_zone *z, const char *label, int family,
                     const struct dns_host *ret[DNS_ZONE_MOST]);

/* Has none of the n hosts the address of h? */
bool dns_zone_is_new(const struct dns_host *h, const struct dns_host *const *among, size_t n);

/* The name of an address: "ip4-10-0-0-7", "ip6-fd00--7".  It stands for its servers whatever their
 * use: who has a SRV record's target needs its address. */
void dns_zone_address(const union qhcp_addr *a, char ret[DNS_ZONE_LABEL]);

#endif
