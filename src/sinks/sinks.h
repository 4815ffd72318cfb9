/* The sinks of a load balancer: who is told what its servers are worth (sink.h).
 *
 * In: the fleet, by one reader for all of them; out: calls of each sink, with what is new to say.
 * A batch of changes is one call; figures that change what is said of no server are none.
 *
 * Everything here is for the thread that serves, or for any while its loop does not run, but
 * sinks_states. */
#ifndef QHCP_SINKS_SINKS_H
#define QHCP_SINKS_SINKS_H

#include <pthread.h>

#include "conf/list.h"
#include "fleet/reader.h"
#include "sinks/sink.h"

#define SINKS_MAX 32

struct feed;
struct told;

struct sinks {
    struct loop *loop;
    struct feed *feed;
    struct loop_part part;
    struct loop_watch watch;
    struct feed_reader *reader; /* NULL: there is no sink */
    struct sink *at[SINKS_MAX];
    size_t n;
    struct sink_view view;   /* its snapshot stays held */
    struct sink_view whole;  /* the same for sinks_look */
    qhcp_nsec patient_until; /* with the first sweep */
    bool ready;              /* that is over, or was waited for */
    bool follows;            /* the reader has caught up once */
    struct say *say;         /* these three by slot: view.slots of them */
    struct told *told;       /* the rest of what was said */
    uint32_t *changed;
    uint64_t version;     /* of the snapshot that they are of */
    enum qhcp_use use;    /* and its panic */
    pthread_mutex_t lock; /* of at, n and the states of sinks, which other threads read */
};

/* *ret stays where it is until sinks_deinit, which is for one that is zeroed too, before loop and
 * feed. */
void sinks_init(struct sinks *ret, struct loop *loop, struct feed *feed);
void sinks_deinit(struct sinks *s);

/* From now on these, instead of those before: one that was there goes on as it is.  specs: texts,
 * checked.  0, or the first error of a sink that is new and does not start, with words; it is tried
 * again. */
int sinks_set(struct sinks *s, qhcp_nsec now, const struct list *specs, char *words,
              size_t words_cap);
/* Ends all: another process does their work from now on. */
void sinks_stop(struct sinks *s);

/* What is said now; view.all.  NULL: nothing yet. */
const struct sink_view *sinks_look(struct sinks *s);

/* How each sink fares: fills up to cap, and returns how many there are.  From any thread. */
size_t sinks_states(struct sinks *s, struct sink_state *ret, size_t cap);
/* Does some sink go by figures of servers?  From any thread. */
bool sinks_figures(struct sinks *s);

/* The sinks' own (sink.c): while their states change.  NULL is fine. */
void sinks_lock(struct sinks *s);
void sinks_unlock(struct sinks *s);

#endif
