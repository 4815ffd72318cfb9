#include "cli/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_deinit(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

void text_reset(struct text *t)
{
    t->n = 0;
    t->failed = false;
    if (t->at)
        t->at[0] = '\0';
}

/* Room for n bytes and the NUL. */
static bool grow(struct text *t, size_t n)
{
    size_t cap = t->cap ? t->cap : 256;

    if (t->failed)
        return false;
    while (cap - t->n <= n)
        cap *= 2;
    if (cap != t->cap) {
        char *grown = realloc(t->at, cap);
        if (!grown) {
            t->failed = true;
            return false;
        }
        t->at = grown;
        t->cap = cap;
    }
    return true;
}

void text_bytes(struct text *t, const char *p, size_t n)
{
    if (!grow(t, n))
        return;
    memcpy(t->at + t->n, p, n);
    t->n += n;
    t->at[t->n] = '\0';
}

void text_add(struct text *t, const char *s)
{
    text_bytes(t, s, strlen(s));
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0 && grow(t, (size_t)n)) {
        vsnprintf(t->at + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

/* Length of the well-formed UTF-8 character at p (RFC 3629, 4), 0 where there is none.  p ends with
 * a NUL, so no continuation byte is looked at past it. */
static size_t utf8_length(const char *s)
{
    const uint8_t *p = (const uint8_t *)s;
    size_t n = p[0] < 0x80   ? 1
               : p[0] < 0xc2 ? 0
               : p[0] < 0xe0 ? 2
               : p[0] < 0xf0 ? 3
               : p[0] < 0xf5 ? 4
                             : 0;

    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

/* C0, DEL, and C1 in its two-byte form. */
static bool is_control(const char *s)
{
    const uint8_t *p = (const uint8_t *)s;

    return p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
}

static void json_escape(struct text *t, const char *s)
{
    const uint8_t *p = (const uint8_t *)s;
    unsigned c = p[0] == 0xc2 ? p[1] : p[0];

    switch (c) {
    case '\n':
        text_add(t, "\\n");
        break;
    case '\t':
        text_add(t, "\\t");
        break;
    case '"':
        text_add(t, "\\\"");
        break;
    case '\\':
        text_add(t, "\\\\");
        break;
    default:
        text_printf(t, "\\u%04x", c);
    }
}

void text_json(struct text *t, const char *s)
{
    text_bytes(t, "\"", 1);
    while (*s != '\0') {
        size_t n = utf8_length(s);
        if (n == 0) {
            text_add(t, "\\ufffd");
            n = 1;
        } else if (is_control(s) || *s == '"' || *s == '\\') {
            json_escape(t, s);
        } else {
            text_bytes(t, s, n);
        }
        s += n;
    }
    text_bytes(t, "\"", 1);
}

/* The next character of *s as text_plain writes it; *s moves on. */
static size_t next_plain(const char **s, const char **ret)
{
    const char *p = *s;
    size_t n = utf8_length(p);
    bool plain = n > 0 && !is_control(p);

    *s += n > 0 ? n : 1;
    *ret = plain ? p : "?";
    return plain ? n : 1;
}

void text_plain(struct text *t, const char *s)
{
    const char *c;

    while (*s != '\0') {
        size_t n = next_plain(&s, &c);
        text_bytes(t, c, n);
    }
}

size_t text_width(const char *s)
{
    const char *c;
    size_t width = 0;

    for (; *s != '\0'; width++)
        next_plain(&s, &c);
    return width;
}

void text_column(struct text *t, const char *s, size_t width)
{
    size_t have = text_width(s), keep = have;
    const char *c;

    if (have > width)
        keep = width > 2 ? width - 2 : 0;
    for (size_t i = 0; i < keep; i++) {
        size_t n = next_plain(&s, &c);
        text_bytes(t, c, n);
    }
    if (have > width)
        text_bytes(t, "..", width > 2 ? 2 : width);
    for (size_t i = have; i < width; i++)
        text_bytes(t, " ", 1);
}
