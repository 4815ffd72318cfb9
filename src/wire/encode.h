/* A struct into a payload's bytes, by its schema. */
#ifndef QHCP_WIRE_ENCODE_H
#define QHCP_WIRE_ENCODE_H

#include "base/cursor.h"
#include "wire/schema.h"

/* Writes the key-value pairs of `message`, the struct that the schema describes.  0, or what
 * decode_list would say of the result, or QHCP_E_FULL; what was written by then is to be dropped.
 */
int encode_list(const struct schema *s, const void *message, struct writer *w);

/* Turns the bytes since `start` into a length (varint) and the bytes; start[0] must have been kept
 * free for it (encode_reserve).  QHCP_E_FULL where there is no room for a longer length. */
uint8_t *encode_reserve(struct writer *w);
int encode_length(struct writer *w, uint8_t *start);

#endif
