/* The schema: every message as a table of its keys.
 *
 * One row says all there is to know about a key: where its value lives in the struct, its kind, its
 * limits, and the words of docs/protocol.md.  The decoder, the encoder and the document's tables
 * all walk these rows, so that they cannot disagree.  To add a key: a member in message.h, a row
 * here, a vector in tests/vectors.  Never code for one message where a row can say it. */
#ifndef QHCP_WIRE_SCHEMA_H
#define QHCP_WIRE_SCHEMA_H

#include <qhcp/error.h>

#include "wire/message.h"

enum schema_kind {
    SCHEMA_NUMBER, /* even key: a varint -> uint64_t */
    SCHEMA_BYTES,  /* odd keys from here on: length and bytes -> struct slice */
    SCHEMA_TEXT,   /* UTF-8 without control characters -> struct slice */
    SCHEMA_NAME,   /* a-z, 0-9 and _ -> struct slice */
    SCHEMA_LIST,   /* key-value pairs by a schema of their own -> a struct */
    SCHEMA_VALUES, /* key-value pairs, key 2 x metric number -> struct wire_values */
};

struct schema_field {
    uint8_t key;
    uint8_t kind;              /* enum schema_kind */
    bool required;             /* else: absent means zero, empty, or its bit in `has` */
    bool varies;               /* while all else stays, from one message to the next (again.h) */
    uint16_t offset;           /* in the struct: of the value; of `count` where most > 0 */
    uint16_t items;            /* where most > 0: of at[0] */
    uint16_t stride;           /* where most > 0: size of an entry */
    uint16_t most;             /* how often the key may stand; 0: once, and not in an array */
    uint32_t has;              /* bit of `has` (the struct's first member); 0: none */
    uint64_t min, max;         /* of a number; of the length of bytes, text and name */
    const struct schema *list; /* of SCHEMA_LIST */
    const char *name, *unit, *doc;
};

enum schema_sender { SCHEMA_FROM_LB, SCHEMA_FROM_SERVER, SCHEMA_FROM_BOTH };

struct schema {
    uint64_t type; /* enum wire_type; 0: a nested list */
    const char *name, *doc;
    enum schema_sender sender;
    bool datagram; /* may travel in a DATAGRAM */
    bool has;      /* the struct begins with uint32_t has */
    uint8_t count;
    const struct schema_field *fields; /* ascending keys */
    /* What no row can say, between several keys; 0 or a QHCP_E_*.  Checked after decoding and
     * before encoding.  May be NULL. */
    int (*rule)(const void *message);
    const char *rule_doc;
};

/* Where a message's struct is in a struct wire_message: all members of the union start there. */
#define WIRE_BODY offsetof(struct wire_message, hello)

/* The schema of a frame type; NULL for an unknown type. */
const struct schema *schema_by_type(uint64_t type);

/* Does the value fit the row?  0, QHCP_E_VALUE, QHCP_E_TOO_LARGE or QHCP_E_UTF8. */
static inline int schema_check_number(const struct schema_field *f, uint64_t value)
{
    return value < f->min || value > f->max ? QHCP_E_VALUE : 0;
}
int schema_check_bytes(const struct schema_field *f, struct slice s);
/* A metric's number and value: QHCP_E_VALUE for a number of 0, one whose key would not be a varint,
 * or a value over the registered metric's greatest. */
int schema_check_value(const struct wire_value *v);

#endif
