/* Options of a running process change: after SIGHUP, or because somebody asks for it.
 *
 * In: the options in force, and others of the same command, which were checked.  Out: calls of what
 * the rows that differ name as `live`.  It is whole or not at all. */
#ifndef QHCP_CONF_CHANGE_H
#define QHCP_CONF_CHANGE_H

#include "conf/options.h"

/* Puts the values of `fresh` in force, where a change needs no restart, and calls the live function
 * of each row that differs, once, in the order of the table.  (A file's row always counts as one
 * that does: the file may have changed.)  `fresh` has the former values then.
 *
 * which: of OPTIONS_MAX rows those that are to change, whose live functions are called whether they
 * differ or not; NULL: all.
 *
 * On the first failure those that have followed are called again, the last first, with the former
 * values in force, and its error and words are returned: all is as it was. */
int change_apply(void *ctx, struct options *in_force, struct options *fresh, const bool *which,
                 char *words, size_t words_cap);

/* A live function for what is read whenever it is used. */
int change_read_at_use(void *ctx, const struct options *before, char *words, size_t words_cap);

/* The next option, from row *i on, whose change needs a restart; NULL: no more.  *i is behind it
 * then. */
const char *change_frozen(const struct options *in_force, const struct options *fresh, size_t *i);

#endif
