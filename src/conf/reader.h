/* The walk over the tree of a configuration file (yaml.c, entries.c): where it is, and what a
 * single value does. */
#ifndef QHCP_CONF_READER_H
#define QHCP_CONF_READER_H

#include "conf/options.h"
#include "conf/tree.h"

struct reader {
    const char *name; /* of the file */
    struct options *options;
    struct faults *faults;
    const struct tree *defaults; /* of entries that are mappings (entries.h), checked; NULL: none */
};

/* Where the key of t stands, and where its value does. */
struct place reader_key(const struct reader *r, const struct tree *t);
struct place reader_value(const struct reader *r, const struct tree *t, const char *option);

/* A scalar that sets an option, or adds to it. */
void reader_set(struct reader *r, const struct options_row *row, const struct tree *t);

#endif
