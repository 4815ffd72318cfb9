/* A payload's bytes into a struct, by its schema.  Input is hostile. */
#ifndef QHCP_WIRE_DECODE_H
#define QHCP_WIRE_DECODE_H

#include "base/cursor.h"
#include "wire/schema.h"

/* Decodes a list of key-value pairs into `ret`, the struct that the schema describes; slices in it
 * borrow from `in`.  Only what the schema names is written, and of arrays only the entries in use.
 * On failure one of the protocol's errors, the first in the order of the bytes, and *ret is
 * undefined. */
int decode_list(const struct schema *s, struct slice in, void *ret);

/* Reads what stands behind the key of one row that is no array, and judges it by the row.  0 or one
 * of the protocol's errors; *slot, where the row's value lives, is then undefined. */
int decode_value(const struct schema_field *f, struct cursor *c, void *slot);

#endif
