/* The victim acknowledges sealed packets as well.  The liar's library knows nothing of them and
 * would end the connection, so it must not see that. */
#include "liar.h"

#include <string.h>

struct reader {
    const uint8_t *p, *end;
    bool failed;
};

static uint64_t take_number(struct reader *r)
{
    size_t n = r->p < r->end ? (size_t)1 << (*r->p >> 6) : 0;
    uint64_t value;

    if (n == 0 || n > (size_t)(r->end - r->p)) {
        r->failed = true;
        return 0;
    }
    value = *r->p & 0x3f;
    for (size_t i = 1; i < n; i++)
        value = value << 8 | r->p[i];
    r->p += n;
    return value;
}

static void skip(struct reader *r, uint64_t n)
{
    if (n > (uint64_t)(r->end - r->p))
        r->failed = true;
    else
        r->p += n;
}

/* RFC 9000, 19.3.  Does it acknowledge one of the liar's sealed packets? */
static bool skip_ack(struct reader *r, bool ecn)
{
    bool sealed = take_number(r) >= LIAR_FIRST_NUMBER;
    uint64_t ranges;

    take_number(r);
    ranges = take_number(r);
    take_number(r);
    for (uint64_t i = 0; i < 2 * ranges + (ecn ? 3 : 0) && !r->failed; i++)
        take_number(r);
    return sealed;
}

/* v: a number; l: a length and so many bytes; 8, t: 8 or 16 bytes; c: a byte of length and so many
 * bytes; e: all that is left (RFC 9000, 19; RFC 9221, 4). */
static const char *form_of(uint64_t type)
{
    static const char *const forms[] = {
        [0x00] = "",    [0x01] = "",    [0x04] = "vvv",  [0x05] = "vv",  [0x06] = "vl",
        [0x07] = "l",   [0x08] = "ve",  [0x09] = "ve",   [0x0a] = "vl",  [0x0b] = "vl",
        [0x0c] = "vve", [0x0d] = "vve", [0x0e] = "vvl",  [0x0f] = "vvl", [0x10] = "v",
        [0x11] = "vv",  [0x12] = "v",   [0x13] = "v",    [0x14] = "v",   [0x15] = "vv",
        [0x16] = "v",   [0x17] = "v",   [0x18] = "vvct", [0x19] = "v",   [0x1a] = "8",
        [0x1b] = "8",   [0x1c] = "vvl", [0x1d] = "vl",   [0x1e] = "",    [0x30] = "e",
        [0x31] = "l",
    };

    return type < sizeof(forms) / sizeof(forms[0]) ? forms[type] : NULL;
}

static void skip_form(struct reader *r, const char *form)
{
    for (; *form != '\0' && !r->failed; form++)
        if (*form == 'v')
            take_number(r);
        else if (*form == 'l')
            skip(r, take_number(r));
        else if (*form == 'c')
            skip(r, r->p < r->end ? 1u + *r->p : 1);
        else if (*form == 'e')
            r->p = r->end;
        else
            skip(r, *form == '8' ? 8 : 16);
}

void liar_hide_acks(uint8_t *frames, size_t size)
{
    struct reader r = {.p = frames, .end = frames + size};

    while (r.p < r.end) {
        size_t start = (size_t)(r.p - frames);
        uint64_t type = take_number(&r);
        const char *form = form_of(type);

        if (type == 2 || type == 3) {
            if (skip_ack(&r, type == 3) && !r.failed)
                memset(frames + start, 0, (size_t)(r.p - frames) - start);
        } else if (form != NULL) {
            skip_form(&r, form);
        }
        if (r.failed || (form == NULL && type != 2 && type != 3))
            return;
    }
}
