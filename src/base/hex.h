/* Bytes as hexadecimal digits. */
#ifndef QHCP_BASE_HEX_H
#define QHCP_BASE_HEX_H

#include "base/slice.h"

/* Writes 2 * s.n lower-case digits and a NUL to ret; the caller has the room. */
static inline void hex_write(struct slice s, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < s.n; i++) {
        *ret++ = digits[s.p[i] >> 4];
        *ret++ = digits[s.p[i] & 15];
    }
    *ret = '\0';
}

#endif
