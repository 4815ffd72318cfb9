/* Reading tests/vectors/FILE.txt (README.md says how they look). */
#ifndef QHCP_TESTS_VECTOR_H
#define QHCP_TESTS_VECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/limits.h"

#define VECTOR_FRAME (LIMIT_FRAME_PAYLOAD + 64)

struct vector {
    char name[128], message[32], error[32]; /* error "": a valid one */
    uint8_t frame[VECTOR_FRAME], again[VECTOR_FRAME];
    size_t frame_len, again_len;
    bool has_again;
    char *fields; /* the field lines, each with its newline */
    size_t fields_len, fields_cap;
};

/* The next vector of the file: 1, 0 at its end, -1 for a file that does not parse (said on stderr).
 * v is zeroed before the first call; vector_deinit after the last. */
int vector_next(FILE *in, struct vector *v);
void vector_deinit(struct vector *v);

/* Hexadecimal digits, blanks ignored, up to the end of the string; -1 where it is none or too long.
 */
int vector_hex(const char *s, uint8_t *buf, size_t cap);

#endif
