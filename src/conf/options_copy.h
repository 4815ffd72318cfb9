/* Copies of options: of one list, and of all that a command has. */
#ifndef QHCP_CONF_OPTIONS_COPY_H
#define QHCP_CONF_OPTIONS_COPY_H

#include "conf/options.h"

/* Appends old's list to o's. QHCP_E_NOMEM. */
int options_copy_list(struct options *o, const struct options *old, const struct options_row *row);

/* A copy of all values, but of the list of servers (a row with `fields`), which is empty.
 * QHCP_E_NOMEM; options_deinit(to) in each case. */
int options_copy(struct options *to, const struct options *from);

#endif
