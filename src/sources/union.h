/* The lists of several sources as one: by the servers' keys, the first that names one counts.  And
 * the difference of two such lists. */
#ifndef QHCP_SOURCES_UNION_H
#define QHCP_SOURCES_UNION_H

#include <stdint.h>

#include "base/address.h"
#include "conf/list.h"

struct united_server;

/* It owns its strings. */
struct united {
    struct united_server *by_key, **at; /* `at` in the order in which they came */
    size_t n, cap;
    /* Servers that several sources name: how many, a hash of all of them, the first one. */
    size_t twice;
    uint64_t twice_hash;
    char twice_key[ADDRESS_KEY], twice_first[128], twice_second[128];
};

/* QHCP_E_NOMEM. */
int united_init(struct united *ret);
void united_deinit(struct united *u);

/* Adds a source's list; the name is for people.  Entries that are none are left out (they were
 * checked before).  QHCP_E_NOMEM. */
int united_add(struct united *u, const char *source, const struct list *servers);

/* Adds what another one has and this one does not.  QHCP_E_NOMEM. */
int united_keep(struct united *u, const struct united *other);

size_t united_count(const struct united *u);

/* Appends what led from one to the other: entries that are new, entries that differ, and keys that
 * are gone.  Costs by the number of servers.  QHCP_E_NOMEM. */
int united_difference(const struct united *before, const struct united *after, struct list *added,
                      struct list *changed, struct list *removed);

#endif
