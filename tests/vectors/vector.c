#include "vector.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

int vector_hex(const char *s, uint8_t *buf, size_t cap)
{
    size_t n = 0;

    for (;;) {
        int high, low;

        while (isspace((unsigned char)*s))
            s++;
        if (*s == '\0')
            return (int)n;
        high = digit(s[0]);
        low = high < 0 ? -1 : digit(s[1]);
        if (low < 0 || n == cap)
            return -1;
        buf[n++] = (uint8_t)(high << 4 | low);
        s += 2;
    }
}

static int take_word(const char *value, char *dst, size_t cap)
{
    return snprintf(dst, cap, "%s", value) < (int)cap ? 0 : -1;
}

static int take_field(struct vector *v, const char *value)
{
    size_t n = strlen(value);

    if (v->fields_len + n + 2 > v->fields_cap) {
        size_t cap = (v->fields_cap + n + 2) * 2;
        char *more = realloc(v->fields, cap);

        if (!more)
            return -1;
        v->fields = more;
        v->fields_cap = cap;
    }
    memcpy(v->fields + v->fields_len, value, n);
    v->fields_len += n;
    v->fields[v->fields_len++] = '\n';
    v->fields[v->fields_len] = '\0';
    return 0;
}

static int take_frame(const char *value, uint8_t *buf, size_t *ret_len)
{
    int n = vector_hex(value, buf, VECTOR_FRAME);

    if (n < 0)
        return -1;
    *ret_len = (size_t)n;
    return 0;
}

static int take_again(struct vector *v, const char *value)
{
    v->has_again = true;
    return strcmp(value, "-") == 0 ? 0 : take_frame(value, v->again, &v->again_len);
}

static int take_line(struct vector *v, const char *name, const char *value)
{
    if (strcmp(name, "vector") == 0)
        return take_word(value, v->name, sizeof v->name);
    if (strcmp(name, "message") == 0)
        return take_word(value, v->message, sizeof v->message);
    if (strcmp(name, "error") == 0)
        return take_word(value, v->error, sizeof v->error);
    if (strcmp(name, "frame") == 0)
        return take_frame(value, v->frame, &v->frame_len);
    if (strcmp(name, "again") == 0)
        return take_again(v, value);
    if (strcmp(name, "field") == 0)
        return take_field(v, value);
    return strcmp(name, "says") == 0 ? 0 : -1;
}

static void clear(struct vector *v)
{
    v->name[0] = v->message[0] = v->error[0] = '\0';
    v->frame_len = v->again_len = v->fields_len = 0;
    v->has_again = false;
    if (v->fields)
        v->fields[0] = '\0';
}

int vector_next(FILE *in, struct vector *v)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int r = 0;

    clear(v);
    while (r == 0 && (n = getline(&line, &cap, in)) >= 0) {
        char *colon;

        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] == '\0') {
            if (v->name[0])
                break;
            continue;
        }
        colon = strchr(line, ':');
        if (!colon)
            r = -1;
        else {
            *colon = '\0';
            r = take_line(v, line, colon + 1 + strspn(colon + 1, " "));
        }
        if (r < 0)
            fprintf(stderr, "vector %s: bad line: %.60s\n", v->name, line);
    }
    free(line);
    return r < 0 ? r : v->name[0] != '\0';
}

void vector_deinit(struct vector *v)
{
    free(v->fields);
    v->fields = NULL;
}
