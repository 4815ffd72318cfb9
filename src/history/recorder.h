/* Writes the history: what happens to the fleet, and a sample of each server a minute.
 *
 * In: the fleet's changes, by a reader of its own; out: one transaction a second at most, where
 * there is something to write.  It runs on the thread that serves and may wait for the disk there.
 * What the disk does not take is kept in memory, up to a bound; beyond it the newest changes are
 * lost, and the history says how many.  A damaged file is set aside, and a new one begun. */
#ifndef QHCP_HISTORY_RECORDER_H
#define QHCP_HISTORY_RECORDER_H

#include <stdatomic.h>

#include "fleet/feed.h"
#include "history/store.h"
#include "loop/loop.h"

#define RECORDER_SAMPLE (60 * NSEC_PER_SEC)
#define RECORDER_FIRST                                                                             \
    (5 * NSEC_PER_SEC)      /* the first sample: a process may live for minutes only */
#define RECORDER_KEEP 8192  /* changes that wait for the disk: 9 MB */
#define RECORDER_SLICE 2000 /* samples in one transaction: some 10 ms */

struct recorder_config {
    char path[STORE_PATH];
    bool ours; /* nobody but QHCP gives a file this name: whatever it is, it may be set aside */
    uint64_t max_bytes;
    int64_t max_age_ms;
    char version[32]; /* of the program, for the history */
    /* From the thread that serves: for the log. */
    void (*say)(void *ctx, enum qhcp_log_level level, const char *words);
    void *ctx;
};

struct recorder_seen; /* a server, as it was written last */

struct recorder {
    struct recorder_config config;
    struct loop_part part;
    struct feed_reader *reader;   /* NULL: it has not begun */
    struct store *store;          /* NULL: it is not open (yet) */
    atomic_bool silent;           /* recorder_silence */
    qhcp_nsec at;                 /* the next turn, */
    qhcp_nsec try_at;             /* which writes from then on */
    qhcp_nsec sample_at, look_at; /* the next minute; when the file is looked for */
    uint64_t version;             /* of the snapshot that servers were compared with */
    uint32_t sample_next;         /* the slot that is sampled next; UINT32_MAX: none */
    struct recorder_seen *seen;   /* by slot */
    uint32_t n_seen;
    struct fleet_change *waiting; /* changes that are not written yet */
    size_t n_waiting, cap_waiting;
    int64_t begun_ms; /* the process's start, until it is written */
    uint64_t lost;    /* changes that found no room there */
    bool follows;     /* the reader has caught up once */
    bool missed;      /* since then changes were overwritten before it read them */
    bool begun;       /* this process's first rows are written */
    bool told;        /* that it cannot be written */
    bool given_up;    /* the file is not ours to write */
};

/* From now on what the feed publishes is followed; the loop runs the rest.  *ret stays where it is
 * until recorder_end, which is for one that is zeroed too.  QHCP_E_FULL, QHCP_E_IO, QHCP_E_NOMEM.
 */
int recorder_begin(struct recorder *ret, struct loop *loop, struct feed *feed,
                   const struct recorder_config *config);
/* While its loop does not run.  What is not written yet is, and the end of the process. */
void recorder_end(struct recorder *r);
/* Any thread's: another process writes the same file from now on. */
void recorder_silence(struct recorder *r);
/* What the feed has published is written now, if the disk takes it, not with the next turn.  From
 * the recorder's own thread; one that is zeroed stays as it is. */
void recorder_write(struct recorder *r);
/* A turn, as its loop would call it: for tests and benchmarks. */
void recorder_turn(struct recorder *r, qhcp_nsec now, int64_t wall_ms);

#endif
