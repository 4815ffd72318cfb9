/* The file of intents (intents.h) in the state directory, by which they survive however the process
 * ends.
 *
 * In: a wish that was done.  Out: its answer, once the file that has it is on the disk: what was
 * answered is there after kill -9, and after a power cut.  The file is replaced whole, by the
 * thread that serves; wishes that come meanwhile share the next one. */
#ifndef QHCP_DAEMON_INTENTS_FILE_H
#define QHCP_DAEMON_INTENTS_FILE_H

#include "daemon/intents.h"
#include "daemon/serve.h"
#include "fleet/feed.h"
#include "loop/loop.h"
#include "state/state.h"

struct intents_held; /* a wish that waits for its answer */

struct intents_file {
    struct serve_job job; /* first: a job is its file */
    struct serve *serve;  /* NULL: nothing is kept */
    struct feed *feed;
    struct loop *loop; /* the feed's publisher's */
    struct intents intents;
    char path[STATE_PATH];
    struct intents_held *waiting, *writing; /* for the next text, and for the one on its way */
    bool news;                              /* what is known is in no text yet */
    bool busy;                              /* a text is with the thread that serves: */
    char *text;
    bool done;
    bool told;          /* that it cannot be written */
    qhcp_nsec again_at; /* then it is tried again: intents_file_write; 0: there is no need */
    char why[300];
};

/* The file of the load balancer of this port, whose records are read; *ret must stay where it is
 * until intents_file_end.  Without a state directory nothing is kept. */
void intents_file_begin(struct intents_file *ret, struct feed *feed, struct loop *loop,
                        struct serve *serve, uint16_t port);
/* After serve_stop; also for one that is zeroed. */
void intents_file_end(struct intents_file *k);
/* Reads it again: another process wrote it until now. */
void intents_file_again(struct intents_file *k);

/* The records have changed: they are written. */
void intents_file_write(struct intents_file *k);
/* The same for a wish that was done, which is answered in these words when they are, or when the
 * log has said that they cannot be. */
void intents_file_answer(struct intents_file *k, const struct wish *w, const char *words);

#endif
