/* The YAML configuration: the options of a subcommand by their names, lists as YAML sequences.
 *
 *     servers:
 *       - a.example:4243
 *       - "@more.txt"
 *     check-interval: 5s
 *
 * libcyaml holds the file to the schema that is made from the table of options; an unknown key, a
 * key that is there twice, an alias, a second document are refused with file and line. */
#ifndef QHCP_CONF_YAML_H
#define QHCP_CONF_YAML_H

#include "conf/options.h"

/* Fills *ret (made by options_init, nothing set yet) from n bytes of YAML; name is the file's, for
 * words.  On failure ret may have some options set: deinit it.  QHCP_E_PARSE, QHCP_E_ARG, ... */
int yaml_parse(const char *name, const char *text, size_t n, struct options *ret, char *words,
               size_t words_cap);

/* The same from a file.  QHCP_E_IO. */
int yaml_load(const char *path, struct options *ret, char *words, size_t words_cap);

#endif
