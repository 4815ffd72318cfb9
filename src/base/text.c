#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

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

/* The character at s, a C string. */
static size_t next(const char *s, uint32_t *ret)
{
    return utf8_decode(s, 4, ret);
}

static void json_escape(struct text *t, uint32_t c)
{
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
        text_printf(t, "\\u%04x", (unsigned)c);
    }
}

void text_json(struct text *t, const char *s)
{
    uint32_t c;

    text_bytes(t, "\"", 1);
    while (*s != '\0') {
        size_t n = next(s, &c);
        if (n == 0) {
            text_add(t, "\\ufffd");
            n = 1;
        } else if (utf8_control(c) || c == '"' || c == '\\') {
            json_escape(t, c);
        } else {
            text_bytes(t, s, n);
        }
        s += n;
    }
    text_bytes(t, "\"", 1);
}

struct range {
    uint32_t first, last;
};

static bool is_in(const struct range *ranges, size_t n, uint32_t c)
{
    for (size_t i = 0; i < n; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

/* Unicode's blanks, and letters that look like one. */
static bool is_blank(uint32_t c)
{
    static const struct range blanks[] = {
        {' ', ' '},       {0xa0, 0xa0},     {0x115f, 0x1160}, {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x202f, 0x202f}, {0x205f, 0x205f}, {0x2800, 0x2800}, {0x3000, 0x3000}, {0x3164, 0x3164},
    };

    return is_in(blanks, sizeof blanks / sizeof blanks[0], c);
}

/* What shows as nothing, or is painted over its neighbours (and over the lines above and below). */
static bool is_hidden(uint32_t c)
{
    static const struct range hidden[] = {
        {0xad, 0xad},     {0x300, 0x36f},   {0x61c, 0x61c},   {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
        {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x20d0, 0x20ff},   {0xfe00, 0xfe0f},
        {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff},
    };

    return is_in(hidden, sizeof hidden / sizeof hidden[0], c);
}

/* East Asian characters and pictures take two columns of a terminal. */
static bool is_wide(uint32_t c)
{
    static const struct range wide[] = {
        {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0xa4cf},   {0xac00, 0xd7a3},
        {0xf900, 0xfaff},   {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},
        {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
    };

    return is_in(wide, sizeof wide / sizeof wide[0], c);
}

/* The next character of *s as text_plain writes it; *s moves on, past all of a run of blanks. */
static size_t next_plain(const char **s, const char **ret)
{
    const char *p = *s;
    uint32_t c = 0;
    size_t n = next(p, &c);
    bool plain = n > 0 && !utf8_control(c) && !is_hidden(c);

    *s += n > 0 ? n : 1;
    *ret = plain ? p : "?";
    if (!plain || !is_blank(c))
        return plain ? n : 1;
    while ((n = next(*s, &c)) > 0 && is_blank(c))
        *s += n;
    *ret = " ";
    return 1;
}

void text_plain(struct text *t, const char *s)
{
    const char *c;

    while (*s != '\0') {
        size_t n = next_plain(&s, &c);
        text_bytes(t, c, n);
    }
}

size_t text_fitting(const char *s, size_t columns)
{
    const char *p = s;

    while (*p != '\0') {
        uint32_t c;
        size_t n = next(p, &c), cells = n > 0 && is_wide(c) ? 2 : 1;

        if (cells > columns)
            break;
        columns -= cells;
        p += n > 0 ? n : 1;
    }
    return (size_t)(p - s);
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
