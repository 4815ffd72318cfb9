/* `qhcp keys show` for people: the JSON of keys_show as a table. */
#ifndef QHCP_CLI_KEYS_H
#define QHCP_CLI_KEYS_H

#include <stdio.h>

#include <jansson.h>

/* Columns are lined up; the names, of any number, come last in a line. */
void keys_table_print(const json_t *shown, FILE *out);

#endif
