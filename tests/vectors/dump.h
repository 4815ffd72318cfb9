/* A message as text (tests/vectors/README.md), written out by hand member by member: a schema row
 * that points at the wrong member shows here. */
#ifndef QHCP_TESTS_DUMP_H
#define QHCP_TESTS_DUMP_H

#include <stdio.h>

#include "wire/wire.h"

/* Writes `prefix`, "name = value" and a newline for each field that is there. */
void dump_message(FILE *out, const char *prefix, const struct wire_message *m);

/* "VARINT" for QHCP_E_VARINT and so on; "?" for a number that is none. */
const char *dump_error(int error);

#endif
