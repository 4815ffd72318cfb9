/* The tables of options and of metrics, as parts of a manual page (mdoc). */
#ifndef QHCP_CLI_OPTIONS_DOC_H
#define QHCP_CLI_OPTIONS_DOC_H

#include <stdio.h>

#include "conf/options.h"

/* "lb", "server", "check"; false: no such command. */
bool options_doc_command(const char *name, enum options_command *ret);

/* A list of all options of a command, ".Bl" to ".El". */
void options_doc_mdoc(FILE *out, enum options_command command);

/* A list of all registered metrics with their units, ".Bl" to ".El". */
void options_doc_metrics(FILE *out);

#endif
