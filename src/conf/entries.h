/* Lists whose entries have settings, as --servers: in the configuration file an entry may be a
 * mapping, entries may have a group, and settings may have defaults:
 *
 *     defaults: {weight: 10}
 *     servers:
 *       - 10.0.0.1:4243 weight=2
 *       - {address: "10.0.0.2:4243", name: web2}
 *     groups:
 *       db:
 *         priority: 1
 *         servers: ["10.0.1.1:4243", "@more.txt"]
 *
 * Out: entries of one form, "ADDRESS KEY=VALUE ...".  A setting of the entry wins over that of its
 * group, and that over the default; those of the row's `adds` add up, and the group's name is one
 * of them. */
#ifndef QHCP_CONF_ENTRIES_H
#define QHCP_CONF_ENTRIES_H

#include "conf/walk.h"

#define ENTRIES_ADDRESS "address"
#define ENTRIES_DEFAULTS "defaults"
#define ENTRIES_GROUPS "groups"

/* The row of such a list; NULL: the command has none.  It has one at most. */
const struct options_row *entries_row(const struct options_table *table);

/* The value of `defaults`; r->defaults is set. */
void entries_defaults(struct walk *r, const struct options_row *row, const struct tree *t);

/* The value of `groups`. */
void entries_groups(struct walk *r, const struct options_row *row, const struct tree *t);

/* A list, or one entry.  group: the mapping that it is in; NULL: none. */
void entries_read(struct walk *r, const struct options_row *row, const struct tree *t,
                  const struct tree *group);

#endif
