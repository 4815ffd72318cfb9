/* The lists of several sources as one: by the servers' keys, the first that names one counts.  Of
 * two servers that have the same name (name=), the first one has it, the other goes by its address:
 * it is a server, and somebody else's name is no reason not to use it.  And the difference of two
 * such lists. */
#ifndef QHCP_SOURCES_UNION_H
#define QHCP_SOURCES_UNION_H

#include <stdint.h>

#include "base/address.h"
#include "conf/list.h"

struct united_server;
struct united_name;

/* What is there twice: how often, a hash of all of it, the first such thing, and where it is. */
struct united_twice {
    size_t n;
    uint64_t hash;
    char what[ADDRESS_KEY], first[ADDRESS_KEY], second[ADDRESS_KEY];
};

/* It owns its strings. */
struct united {
    struct united_server *by_key, **at; /* `at` in the order in which they came */
    size_t n, cap;
    struct united_name *by_name; /* while lists are added */
    struct united_twice twice;   /* servers that several sources name, and the sources' names */
    struct united_twice names;   /* names that several servers have, and the servers' keys */
};

/* QHCP_E_NOMEM. */
int united_init(struct united *ret);
void united_deinit(struct united *u);

/* Adds a source's list; the name is for people.  Entries that are none are left out (they were
 * checked before).  QHCP_E_NOMEM. */
int united_add(struct united *u, const char *source, const struct list *servers);

/* Adds what another one has and this one does not.  QHCP_E_NOMEM. */
int united_keep(struct united *u, const struct united *other);

/* All lists are in. */
void united_complete(struct united *u);

size_t united_count(const struct united *u);

/* Appends what led from one to the other: entries that are new, entries that differ, and keys that
 * are gone.  Costs by the number of servers.  QHCP_E_NOMEM. */
int united_difference(const struct united *before, const struct united *after, struct list *added,
                      struct list *changed, struct list *removed);

#endif
