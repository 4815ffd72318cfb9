/* The YAML configuration: the options of a subcommand by their names, lists as YAML sequences.
 *
 *     servers:
 *       - a.example:4243
 *       - "@more.txt"
 *     check-interval: 5s
 *
 * The file is read to its end whatever is wrong in it: all faults are told, each with its line and
 * column. */
#ifndef QHCP_CONF_YAML_H
#define QHCP_CONF_YAML_H

#include "conf/options.h"

/* Fills *ret (made by options_init, nothing set yet) from n bytes of YAML; name is the file's, for
 * words.  0, or the first fault: QHCP_E_PARSE, QHCP_E_ARG, ...; *ret may have some options set
 * then: deinit it. */
int yaml_parse(const char *name, const char *text, size_t n, struct options *ret, struct faults *f);

/* The same from a file.  QHCP_E_IO. */
int yaml_load(const char *path, struct options *ret, struct faults *f);

#endif
