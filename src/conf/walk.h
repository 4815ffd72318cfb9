/* The walk over the tree of a configuration file (yaml.c, entries.c): where it is, and what a
 * single value does. */
#ifndef QHCP_CONF_WALK_H
#define QHCP_CONF_WALK_H

#include "conf/options.h"
#include "conf/tree.h"

struct walk {
    const char *name; /* of the file */
    struct options *options;
    struct faults *faults;
    const struct tree *defaults; /* of entries that are mappings (entries.h), checked; NULL: none */
};

/* Where the key of t stands, and where its value does. */
struct place walk_key(const struct walk *r, const struct tree *t);
struct place walk_value(const struct walk *r, const struct tree *t, const char *option);

/* A scalar that sets an option, or adds to it. */
void walk_set(struct walk *r, const struct options_row *row, const struct tree *t);

#endif
