/* Asks DNS for the records of a name, with the time that they are good for (which c-ares' own
 * functions for SRV leave out), without waiting: c-ares on the loop carries question and answer,
 * records.c reads them. */
#ifndef QHCP_LOOP_ASK_H
#define QHCP_LOOP_ASK_H

#include "loop/records.h"

struct ask;
struct loop;

/* records: the caller's until it returns, NULL where there are none: words say why. */
typedef void ask_fn(void *ctx, enum records_type type, const struct records *records,
                    const char *words);

/* server: "ADDRESS" or "ADDRESS:PORT", which stays the caller's, and stays; NULL: those of
 * resolv.conf.  QHCP_E_NOMEM, QHCP_E_IO, QHCP_E_PARSE. */
int ask_new(struct loop *loop, const char *server, ask_fn *done, void *ctx, struct ask **ret);
/* What is under way is forgotten.  May be NULL. */
void ask_free(struct ask *a);

/* What is under way ends now, without an answer. */
void ask_cancel(struct ask *a);

/* done is called once, from the loop or from here.  One question of a type at a time. */
void ask_start(struct ask *a, const char *name, enum records_type type);

#endif
