#include "base/utf8.h"

/* Characters that show as nothing and change how the text around them is read: the marks of
 * bidirectional text (Boucher and Anderson 2021), and separators of lines. */
static bool misleads(uint32_t c)
{
    return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

size_t utf8_decode(const void *text, size_t n, uint32_t *ret)
{
    static const uint32_t least[] = {[1] = 0, [2] = 0x80, [3] = 0x800, [4] = 0x10000};
    const uint8_t *p = text;
    size_t size;
    uint32_t c;

    if (n == 0 || (p[0] >= 0x80 && p[0] < 0xc2) || p[0] > 0xf4)
        return 0;
    size = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n < size)
        return 0;
    c = size == 1 ? p[0] : p[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3f);
    }
    if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *ret = c;
    return size;
}

bool utf8_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0);
}

/* The size of the printable character at p, of which n bytes are left; 0 if there is none. */
static size_t character(const uint8_t *p, size_t n)
{
    uint32_t c;
    size_t size = utf8_decode(p, n, &c);

    return size > 0 && !utf8_control(c) && !misleads(c) ? size : 0;
}

bool utf8_printable(struct slice s)
{
    for (size_t i = 0, size; i < s.n; i += size) {
        size = character(s.p + i, s.n - i);
        if (size == 0)
            return false;
    }
    return true;
}

size_t utf8_clean(struct slice s, char *dst, size_t cap)
{
    size_t out = 0;

    for (size_t i = 0; i < s.n;) {
        size_t size = character(s.p + i, s.n - i);
        size_t room = size ? size : 1;

        if (out + room >= cap)
            break;
        if (size)
            memmove(dst + out, s.p + i, size);
        else
            dst[out] = '?';
        out += room;
        i += room;
    }
    dst[out] = '\0';
    return out;
}
