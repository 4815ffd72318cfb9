#include "cli/top_line.h"

#include <string.h>

#include "base/utf8.h"

void top_line_clear(struct top_line *l)
{
    *l = (struct top_line){.n = 0};
}

/* RFC 3629, 3.  Its size; c is below U+110000. */
static size_t encode(uint32_t c, char ret[4])
{
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        ret[0] = (char)(0xc0 | c >> 6);
        ret[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        ret[0] = (char)(0xe0 | c >> 12);
        ret[1] = (char)(0x80 | (c >> 6 & 0x3f));
        ret[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    ret[0] = (char)(0xf0 | c >> 18);
    ret[1] = (char)(0x80 | (c >> 12 & 0x3f));
    ret[2] = (char)(0x80 | (c >> 6 & 0x3f));
    ret[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

void top_line_add(struct top_line *l, uint32_t c)
{
    char bytes[4];
    size_t n;

    if (c >= 0x110000)
        return;
    n = encode(c, bytes);
    if (l->n + n >= sizeof l->text || !utf8_printable((struct slice){(const uint8_t *)bytes, n}))
        return;
    memcpy(l->text + l->n, bytes, n);
    l->n += n;
    l->text[l->n] = '\0';
}

void top_line_back(struct top_line *l)
{
    while (l->n > 0 && ((unsigned char)l->text[--l->n] & 0xc0) == 0x80)
        ;
    l->text[l->n] = '\0';
}
