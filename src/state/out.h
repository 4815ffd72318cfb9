/* Where an operation of `qhcp keys` puts its file: a path, or "-" for standard output. */
#ifndef QHCP_STATE_OUT_H
#define QHCP_STATE_OUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/words.h"
#include "state/transaction.h"

/* May this be written?  An older bundle or request is replaced where `replace` says so; anything
 * else that exists is not (QHCP_E_EXISTS); what is secret is not shown on a terminal (QHCP_E_ARG).
 */
int out_check(const char *out, bool secret, bool replace, const struct words *w);
int out_write(const char *out, struct slice text, unsigned mode, const struct words *w);

/* Both or neither: the change is committed, the file written; when that fails the change is taken
 * back by putting the old content of its files again. */
int out_publish(struct transaction *c, const char *out, struct slice text, const struct words *w);

#endif
