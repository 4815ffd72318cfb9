#include "auth/b64url.h"

#include "base/os/entropy.h"

#include <qhcp/error.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

void b64url_encode(struct slice in, char *ret)
{
    uint32_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < in.n; i++) {
        bits = (bits << 8 | in.p[i]) & 0xffff;
        held += 8;
        while (held >= 6) {
            held -= 6;
            *ret++ = alphabet[bits >> held & 0x3f];
        }
    }
    if (held > 0)
        *ret++ = alphabet[bits << (6 - held) & 0x3f];
    *ret = '\0';
}

int b64url_decode(struct slice in, uint8_t *ret, size_t cap, size_t *ret_n)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;

    if (in.n % 4 == 1)
        return QHCP_E_PARSE;
    if (in.n / 4 * 3 + in.n % 4 * 3 / 4 > cap)
        return QHCP_E_FULL;
    for (size_t i = 0; i < in.n; i++) {
        int d = digit(in.p[i]);

        if (d < 0)
            return QHCP_E_PARSE;
        bits = (bits << 6 | (uint32_t)d) & 0xfff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            ret[n++] = (uint8_t)(bits >> held);
        }
    }
    if ((bits & ((1u << held) - 1)) != 0)
        return QHCP_E_PARSE;
    *ret_n = n;
    return 0;
}

int b64url_random(char ret[B64URL_RANDOM])
{
    uint8_t raw[16];
    int error = entropy_fill(raw, sizeof raw);

    if (error == 0)
        b64url_encode(slice_of(raw, sizeof raw), ret);
    return error;
}
