/* Frames and messages: bytes <-> structs (docs/protocol.md).
 *
 * A frame is type (varint), length (varint), payload; a payload is a list of key-value pairs, keys
 * ascending, an even key with a varint, an odd key with a length and bytes.  One value has one
 * encoding.  Pure: no I/O, no clock, no heap; input is hostile. */
#ifndef QHCP_WIRE_WIRE_H
#define QHCP_WIRE_WIRE_H

#include "wire/message.h"

/* Looks at the start of a control stream's bytes.
 * Sets *ret_type and *ret_total (the frame's whole size, header included) once both varints are
 * there; the frame is complete when n >= *ret_total.
 * QHCP_E_PARTIAL: not even the header is complete; QHCP_E_VARINT: not the shortest form;
 * QHCP_E_TOO_LARGE: payload over LIMIT_FRAME_PAYLOAD. */
int wire_peek(const uint8_t *p, size_t n, uint64_t *ret_type, size_t *ret_total);

/* Decodes exactly one whole frame of n bytes.  A frame of a type that is not known (greasing, or a
 * later version's) gives 0 and only ret->type.  On failure one of the protocol's errors, and
 * *ret_type (may be NULL) is the frame's type where it could be read, else 0. *ret is undefined
 * on failure. */
int wire_decode(const uint8_t *p, size_t n, struct wire_message *ret, uint64_t *ret_type);

/* Encodes a message as one frame.  Returns its size, or QHCP_E_FULL where cap is too small; where
 * the struct breaks a rule, what wire_decode would say of such a frame (QHCP_E_VALUE, TOO_LARGE,
 * TOO_MANY, UTF8, KEY_MISSING, KEY_ORDER, KEY_DUPLICATE), and QHCP_E_VALUE for a type that is not
 * one of enum wire_type: nothing invalid is ever written.  Of arrays only the entries in use are
 * read, of optional fields only those whose bit is set (those without a bit are left out when zero
 * or empty).  What is in buf after a failure is not a frame. */
int wire_encode(const struct wire_message *m, uint8_t *buf, size_t cap);

/* "HELLO", "ACK", ...; "frame" for an unknown one. */
const char *wire_type_name(uint64_t type);

#endif
