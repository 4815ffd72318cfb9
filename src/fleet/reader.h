/* A reader that follows the fleet, on its own thread or the writer's.
 *
 *     s = reader_hold(r);
 *     while ((news = reader_next(r, &change)) == READER_CHANGE)
 *         ...                            one after the other, those that led to s
 *     if (news == READER_BEHIND)
 *         ...                            some were missed: read all of s instead
 *     if (reader_sleep(r))
 *         ...                            wait until reader_fd is readable, then reader_woken
 *
 * After that loop the reader has what s is: nothing is missed and nothing comes twice.  A snapshot
 * is kept by its address in the reader's own cache line (a hazard pointer): holding writes nothing
 * that another thread writes, and may last as long as it likes. */
#ifndef QHCP_FLEET_READER_H
#define QHCP_FLEET_READER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FEED_LINE 64    /* bytes of a cache line */
#define FEED_READERS 64 /* at a time; parts of the process, not clients of theirs */

struct feed;
struct fleet_change;
struct fleet_snapshot;
struct wish_answer;

struct feed_reader {
    /* Between the reader and the writer. */
    _Alignas(FEED_LINE) _Atomic(struct fleet_snapshot *) held;
    _Atomic bool asleep;
    _Atomic uint64_t state;  /* enum in reader.c; and above it how often it was opened */
    _Atomic uint32_t asked;  /* wishes ever ... */
    _Atomic uint32_t posted; /* ... and answers, which can be read (wish.c) */

    /* The reader's. */
    _Alignas(FEED_LINE) struct feed *feed;
    int wake;       /* an eventfd; stays with the place when the reader closes */
    bool behind;    /* it has missed changes, or has read none yet */
    uint64_t place; /* the change read last */
    uint64_t seen;  /* the version that it held last */
    uint32_t answers_read;
    struct wish_answer *answers; /* the writer's from posted on; stays with the place */

    /* The writer's. */
    _Alignas(FEED_LINE) uint32_t answered;
};

enum reader_news {
    READER_NONE,   /* the reader has what it holds */
    READER_CHANGE, /* *ret is the next change */
    READER_BEHIND, /* changes were missed: all of the snapshot is to be read, which has them */
};

/* Any thread may open one; all else is for one thread at a time.  QHCP_E_FULL, QHCP_E_IO,
 * QHCP_E_NOMEM. */
int reader_open(struct feed *f, struct feed_reader **ret);
/* Answers that are still owed are dropped.  NULL is fine. */
void reader_close(struct feed_reader *r);

/* The newest snapshot, instead of the one held before; valid until reader_hold, reader_let_go or
 * reader_close. */
const struct fleet_snapshot *reader_hold(struct feed_reader *r);
void reader_let_go(struct feed_reader *r);

/* The next change that the snapshot held includes.  The first answer of a new reader is
 * READER_BEHIND. */
enum reader_news reader_next(struct feed_reader *r, struct fleet_change *ret);

/* Readable after the next publication or answer, once reader_sleep was true. */
int reader_fd(const struct feed_reader *r);
/* False: there is something new already. */
bool reader_sleep(struct feed_reader *r);
/* The descriptor was readable: makes it quiet again. */
void reader_woken(struct feed_reader *r);

/* The writer's: it has published, or answered. */
void reader_wake(struct feed_reader *r);
void reader_free_if_done(struct feed_reader *r);

#endif
