/* A message that says again what the one before it said, but for the values that vary.
 *
 * Nearly every answer to a check is such a message.  Its bytes are compared with those that were
 * decoded before, and only the values of keys whose rows say `varies` are read.  What is found in
 * this way is what wire_decode would find: a payload with the same keys in the same order is valid
 * if its values are, and no rule of a message looks at a value that varies. */
#ifndef QHCP_WIRE_AGAIN_H
#define QHCP_WIRE_AGAIN_H

#include "wire/wire.h"

#define WIRE_AGAIN_MAX 96  /* bytes of a payload; a longer one is not kept */
#define WIRE_AGAIN_SPOTS 4 /* values that vary in one message */

/* A value that varies. */
struct wire_again_spot {
    uint8_t field;    /* its row in the schema */
    uint8_t at, size; /* its encoding in bytes, behind the key */
};

/* The payload that was decoded last.  Zeroed: none. */
struct wire_again {
    uint8_t type, size; /* size 0: none is kept */
    uint8_t n_spots;
    struct wire_again_spot spots[WIRE_AGAIN_SPOTS];
    uint8_t bytes[WIRE_AGAIN_MAX];
};

enum wire_repeats {
    WIRE_NEW = 0, /* it must be decoded */
    WIRE_SAME,    /* no more than numbers vary */
    WIRE_VALUES,  /* and the metrics' values have changed */
};

/* Keeps the frame, which wire_decode has just accepted; nothing, if it is too long. */
void wire_again_keep(struct wire_again *k, const uint8_t *p, size_t n);
void wire_again_forget(struct wire_again *k);

/* Does this frame repeat the one that was kept?  If so, ret->type and the members of ret that vary
 * are set, metrics' values with WIRE_VALUES only; all others are as they were in the kept frame,
 * and *ret does not have them.  With WIRE_NEW *ret is undefined. */
enum wire_repeats wire_again(struct wire_again *k, const uint8_t *p, size_t n,
                             struct wire_message *ret);

#endif
