/* A kind of check: one file with a `struct kind`, and a row in check.c.
 *
 * A run begins with begin() and ends with check_end(), in begin() or later, or with stop() when its
 * time is up.  A kind never waits and never reads a clock. */
#ifndef QHCP_CHECK_KIND_H
#define QHCP_CHECK_KIND_H

#include <stdbool.h>

#include "check/check.h"
#include "check/streak.h"

#define CHECK_REASON 256 /* bytes of words, with the NUL */

struct check;

/* A descriptor that a check waits for. */
struct check_watch {
    struct check *check;
    int fd; /* -1: none */
};

struct check {
    struct check_set *set;
    const struct kind *kind;
    struct spec spec;
    struct streak streak;
    void *self; /* the kind's */
    bool running, resolving;
    bool told; /* a result: `verdict` was its verdict */
    enum qhcp_status verdict;
    unsigned run;                      /* of how many, for answers that come late */
    qhcp_nsec now;                     /* of the present call */
    qhcp_nsec begun;                   /* of the run */
    qhcp_nsec next_at;                 /* when the next begins */
    qhcp_nsec wake_at;                 /* the kind's own */
    union qhcp_addr addrs[SPEC_ADDRS]; /* of the run, n_addrs of them */
    size_t n_addrs;
};

struct kind {
    bool steady; /* it watches all the time: no runs that time out, results by check_say */

    /* Makes c->self.  0, or QHCP_E_* with words. */
    int (*open)(struct check *c, char *words, size_t words_cap);
    void (*close)(struct check *c); /* frees c->self, after stop */
    void (*begin)(struct check *c); /* addrs are set where the spec has an address */
    void (*stop)(struct check *c);  /* nothing of a run may be left but what is dying by itself */
    void (*ready)(struct check *c, struct check_watch *w, unsigned events); /* EPOLL* */
    void (*wake)(struct check *c); /* wake_at has come; it is NSEC_NEVER again */
    const char *late;              /* words for a run that did not end in time; NULL: "no answer" */
};

extern const struct kind tcp_kind, http_kind, exec_kind, pid_kind, unit_kind;

/* The run ends with this result and these words. */
void check_end(struct check *c, enum qhcp_status result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A steady kind's news. */
void check_say(struct check *c, enum qhcp_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Waits for events (EPOLLIN, EPOLLOUT) on a descriptor; again to change them.  QHCP_E_IO. */
int check_watch(struct check *c, struct check_watch *w, int fd, unsigned events);
/* No longer; the descriptor stays open. */
void check_unwatch(struct check *c, struct check_watch *w);

#endif
