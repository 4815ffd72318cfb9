/* Why a server went down: what the history says of the last time, put together.
 *
 * For people in history_table.h, for programs in history_json.h. */
#ifndef QHCP_HISTORY_STORY_H
#define QHCP_HISTORY_STORY_H

#include "base/text.h"
#include "history/query.h"

#define STORY_SAMPLES 15       /* minutes before it */
#define STORY_EVENTS 32        /* of this server: the newest that are told */
#define STORY_BEFORE_MS 300000 /* events of its own from so long before it on, */
#define STORY_AFTER_MS 60000   /* and until so long after it came back */
#define STORY_MOMENT_MS 2000   /* others that went so close to it, went with it */
#define STORY_NAMES 5          /* of others */
#define STORY_NETWORK 64
#define STORY_GROUPS 10
#define STORY_GROUP 80

struct story_event {
    int64_t id, at_ms; /* id 0: there is none */
    char kind[16], before[16], after[16], cause[24], who[128], words[256], evidence[512];
};

/* Of the other servers that have something in common with it: how many went, of how many that are
 * watched. */
struct story_group {
    char name[STORY_GROUP]; /* "network 10.0.1.0/24", "priority 0", "tag eu" */
    size_t went, of;
};

struct story {
    struct query_server server;
    int64_t newest_ms;       /* the history was written last */
    struct story_event fall; /* the last time that it went down; or into the state that it is in, if
                              * that is degraded, draining or maintenance */
    int64_t held_since_ms;   /* the state before that began; 0: unknown */
    struct story_event back; /* the next time that it was up */
    size_t others, went; /* other servers: that are watched, that went down in the same moment */
    struct story_group groups[STORY_GROUPS];
    size_t n_groups;
    char names[STORY_NAMES][QUERY_NAME];
    size_t n_names;
    struct story_event events[STORY_EVENTS];
    size_t n_events;
    struct query_sample samples[STORY_SAMPLES];
    size_t n_samples;
};

/* server is query_find's.  QHCP_E_IO. */
int story_find(struct query *q, const struct query_server *server, struct story *ret);

/* "10.0.1.0/24" or "2001:db8::/64" of an address with a port; "" for what is none. */
void story_network(const char *remote, char ret[STORY_NETWORK]);

#endif
