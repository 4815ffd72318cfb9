/* --print-config: the options in force as YAML, each with where it comes from in a comment.  The
 * same file gives the same options again. */
#ifndef QHCP_CONF_PRINT_H
#define QHCP_CONF_PRINT_H

#include "base/text.h"
#include "conf/options.h"

/* No option holds a secret: files that do are named. */
void print_options(const struct options *o, struct text *t);

/* One value as people write it: 250ms, true, "text", ["a", "b"], none. */
void print_value(struct text *t, const struct options *o, const struct options_row *row);

/* Where it comes from: "default", "--port", "FILE:LINE:COLUMN". */
#define PRINT_FROM 300
void print_from(const struct options *o, const struct options_row *row, char ret[PRINT_FROM]);

#endif
