/* The servers of a backend of HAProxy, as it was read last, and which of ours each of them is.
 *
 * In: answers to `show servers state`, views of the sink; out: servers with their slots. */
#ifndef QHCP_SINKS_HAPROXY_LIST_H
#define QHCP_SINKS_HAPROXY_LIST_H

#include "sinks/directory.h"
#include "sinks/haproxy_server.h"

struct haproxy_list {
    struct haproxy_server *at; /* in the order of their names */
    size_t n;
    struct directory directory;
    bool stale; /* slots are to be found again */
    size_t matched;
    bool *has; /* by slot of ours: HAProxy has it */
    uint32_t slots;
};

void haproxy_list_deinit(struct haproxy_list *l);
/* Takes an answer in; what it knew of a server's `ours` stays.  QHCP_E_NOMEM: nothing changes. */
int haproxy_list_read(struct haproxy_list *l, const char *answer, size_t n, const char *backend);
/* A view has come. */
void haproxy_list_see(struct haproxy_list *l, const struct sink_view *view);
/* Finds slots, if anything has changed.  names: "ours=theirs,ours=theirs" or NULL. */
void haproxy_list_match(struct haproxy_list *l, const struct sink_view *view, const char *backend,
                        const char *names);
/* Since the last match: has HAProxy the server of ours in this slot, under whatever name?  True
 * also where that is not known. */
bool haproxy_list_has(const struct haproxy_list *l, uint32_t slot);
/* What HAProxy calls our server e, or would call it, by names; as it is called here where names say
 * nothing of it, or nothing that fits; "": that is too long. */
void haproxy_list_name(const char *names, const struct fleet_entry *e, char ret[HAPROXY_NAME]);
/* NULL: HAProxy has none of this name. */
struct haproxy_server *haproxy_list_find(const struct haproxy_list *l, const char *name);

#endif
