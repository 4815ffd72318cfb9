/* Application checks: does the service beside this agent serve?
 *
 * In: specs once, then the passing of time and the readiness of ONE descriptor.  Out: a result
 * after every run of a check, with its verdict.  The kinds are a registry, one file each (kind.h);
 * all their descriptors sit in one epoll set, so that any event loop drives them as one descriptor
 * and one deadline.
 *
 * It must never wait, and never do more than a bounded piece of work at a time: a check that hangs,
 * floods or fails must not delay a health answer, which leaves from the same thread. */
#ifndef QHCP_CHECK_CHECK_H
#define QHCP_CHECK_CHECK_H

#include <qhcp/error.h>
#include <qhcp/types.h>

#include "check/spec.h"

struct check_set;

struct check_result {
    const char *name;
    enum qhcp_status status; /* the verdict: serving, degraded or not serving */
    const char *reason;      /* of the newest result; "" where there is nothing to say */
    qhcp_nsec duration;      /* of the newest run */
    bool news;               /* the verdict is another than before, or the first */
};

/* Who drives the checks. */
struct check_host {
    void *ctx;
    void (*result)(void *ctx, qhcp_nsec now, const struct check_result *result);
    /* Find the addresses of a name, and call check_resolved with this id, at once or later. */
    void (*resolve)(void *ctx, size_t id, const char *host, uint16_t port);
};

/* QHCP_E_NOMEM, QHCP_E_IO with errno. */
int check_new(const struct check_host *host, struct check_set **ret);
/* Ends every run; processes that a check started are killed. */
void check_free(struct check_set *set);

/* Adds a check, which runs at once; the spec is copied.  Until its first result it is not serving.
 * QHCP_E_EXISTS (the name is taken), QHCP_E_FULL, QHCP_E_NOT_FOUND (no such process), QHCP_E_IO,
 * with words. */
int check_add(struct check_set *set, qhcp_nsec now, const struct spec *spec, char *words,
              size_t words_cap);

/* Every check has had a result. */
bool check_settled(const struct check_set *set);

/* Readable when check_ready is to be called. */
int check_fd(const struct check_set *set);
void check_ready(struct check_set *set, qhcp_nsec now);

qhcp_nsec check_deadline(const struct check_set *set);
/* The deadline has come.  What is ready is looked at first: a late call is no check's fault. */
void check_expire(struct check_set *set, qhcp_nsec now);

/* The answer to host.resolve; n 0: words say why not. */
void check_resolved(struct check_set *set, qhcp_nsec now, size_t id, const union qhcp_addr *addrs,
                    size_t n, const char *words);

#endif
