/* The tables of options and of metrics, as parts of a manual page (mdoc). */
#ifndef QHCP_CLI_OPTIONS_DOC_H
#define QHCP_CLI_OPTIONS_DOC_H

#include <stdio.h>

#include "conf/options.h"

/* A list of all options of a command, ".Bl" to ".El". */
void options_doc_mdoc(FILE *out, const char *command, const struct options_table *options);

/* A list of all registered metrics with their units, ".Bl" to ".El". */
void options_doc_metrics(FILE *out);

#endif
