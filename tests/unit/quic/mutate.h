/* Makes one endpoint of the process a liar: its packets' frames are replaced before they are
 * sealed. (The linker takes mutate.c's ngtcp2_crypto_encrypt_cb in place of the library's.) */
#ifndef TEST_QUIC_MUTATE_H
#define TEST_QUIC_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mutation {
    bool server;          /* whose 1-RTT packets */
    const uint8_t *bytes; /* in place of the frames, then PADDING; NULL: random bits are turned */
    size_t size;
    unsigned times;  /* so many packets are changed */
    uint64_t random; /* for turning bits */
};

/* In force until its `times` are used up. */
void mutate_set(const struct mutation *m);
unsigned mutate_left(void);

#endif
