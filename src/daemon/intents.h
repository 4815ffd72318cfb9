/* What operators want of servers, as the next process finds it: a drain, a maintenance, a weight,
 * with who said so, why, since when and until when.
 *
 * The fleet has the intents of the servers that are watched.  Here are the same by the servers'
 * names, as records that outlive a process, and a server's absence from the list.  As text a record
 * is a line with a JSON object; members that are not known are ignored, and so are lines that do
 * not parse: the file may be of another version.  What the list of servers says is not kept. */
#ifndef QHCP_DAEMON_INTENTS_H
#define QHCP_DAEMON_INTENTS_H

#include "base/address.h"
#include "base/text.h"
#include "fleet/entry.h"
#include "fleet/wish.h"

/* How long an intent is kept for a server that is not in the list: an empty list by mistake, or a
 * name server that is away, must not put a broken server back to use. */
#define INTENTS_GONE_MS (INT64_C(24) * 3600 * 1000)
#define INTENTS_MOST 20000 /* records that are read */

struct intent_said {
    int64_t since_ms; /* unix milliseconds */
    char who[sizeof((struct wish){.kind = 0}).who];
    char why[sizeof((struct wish){.kind = 0}).words];
};

struct intent {
    char server[ADDRESS_KEY]; /* FLEET_NAME */
    enum fleet_intent_use use;
    int64_t until_ms; /* of use: then it ends by itself; 0: never */
    struct intent_said used;
    bool weighed; /* an operator gave it a weight: */
    uint16_t weight;
    struct intent_said weighted;
    int64_t gone_ms; /* since then it is not in the list; 0: it is */
};

struct intents {
    struct intent_named *by_name; /* NULL: none */
};

void intents_deinit(struct intents *all);

/* NULL: nothing is wanted of it. */
struct intent *intents_find(const struct intents *all, const char *server);
/* What the wish, which is done, has made of this server's intent.  QHCP_E_NOMEM: it is not kept. */
int intents_take(struct intents *all, const struct fleet_entry *e, const struct wish *w,
                 int64_t wall_ms);
void intents_forget(struct intents *all, struct intent *one);

/* One line for each; those that are gone for too long are dropped. */
void intents_write(struct intents *all, int64_t wall_ms, struct text *t);
/* Adds the records of a text; all of them are of servers that are gone, until intents_listed.  How
 * many lines were left out. */
size_t intents_read(struct intents *all, const char *text, int64_t wall_ms);

#endif
