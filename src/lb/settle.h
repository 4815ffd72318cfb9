/* Backends that were touched in this public call, settled once at its end.
 *
 * An event of a backend (a packet, a signal, a deadline) may change when it is due, what it means
 * for ourselves, and what others see of it.  The code that touches a backend puts it on the list.
 * At the end of the call its timer is set, it is counted among suspects (cross.c) and announced
 * (publish.c), once, however much happened to it.  Settling one may touch others: they follow in
 * the same list. */
#ifndef QHCP_LB_SETTLE_H
#define QHCP_LB_SETTLE_H

struct backend;
struct qhcp_lb;

/* Of a backend; zeroed: it is not on the list. */
struct settle {
    struct backend *prev, *next;
};

#define SETTLE_SLICE 1000 /* a millisecond at most */

/* Something happened to b. */
void settle_later(struct backend *b);
/* Something happened to all: a slice of them is settled with this call, the others slice by slice.
 */
void settle_later_all(struct qhcp_lb *lb);
/* The next slice of those.  More are left while lb->unsettled is above 0. */
void settle_slice(struct qhcp_lb *lb);
/* b is being freed. */
void settle_forget(struct backend *b);
/* Settles what was touched: the end of every public call, but of one from within another's callback
 * (config.resolve may answer at once): what that is still at is not settled. */
void settle_touched(struct qhcp_lb *lb);

#endif
