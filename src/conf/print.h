/* --print-config: the options in force as YAML, each with where it comes from in a comment.  The
 * same file gives the same options again. */
#ifndef QHCP_CONF_PRINT_H
#define QHCP_CONF_PRINT_H

#include "base/text.h"
#include "conf/options.h"

/* No option holds a secret: files that do are named. */
void print_options(const struct options *o, struct text *t);

#endif
