/* Protocol Buffers, as much as the messages of grpc_message.h need: reading fields one after the
 * other, and writing numbers, doubles and bytes (protobuf.dev, "Encoding").  Pure. */
#ifndef QHCP_EXPOSE_PROTOBUF_H
#define QHCP_EXPOSE_PROTOBUF_H

#include "base/slice.h"
#include "base/text.h"

#include <qhcp/error.h>

enum protobuf_kind {
    PROTOBUF_VARINT = 0,
    PROTOBUF_FIXED64 = 1,
    PROTOBUF_BYTES = 2, /* strings and messages too */
    PROTOBUF_FIXED32 = 5,
};

struct protobuf_field {
    uint32_t number;
    enum protobuf_kind kind;
    uint64_t value;     /* of a varint or a fixed number */
    struct slice bytes; /* of PROTOBUF_BYTES, within the input */
};

/* Takes the next field off the front of *in.  1; 0 at the end; QHCP_E_PARSE for what is no message
 * (groups, which proto3 does not have, are none). */
int protobuf_next(struct slice *in, struct protobuf_field *ret);

/* Add a field.  A double of 0 is left out, as proto3 wants. */
void protobuf_put_varint(struct text *t, uint32_t number, uint64_t v);
void protobuf_put_double(struct text *t, uint32_t number, double v);
void protobuf_put_bytes(struct text *t, uint32_t number, struct slice s);

#endif
