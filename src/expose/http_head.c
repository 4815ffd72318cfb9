#include "expose/http_head.h"

#include <string.h>
#include <strings.h>

enum { BAD_REQUEST = -400, BODY = -413, TOO_LARGE = -431, VERSION = -505 };

/* A character of a method or a field's name (RFC 9110, 5.6.2). */
static bool is_token(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(struct slice s)
{
    size_t n = 0;

    while (n < s.n && is_token(s.p[n]))
        n++;
    return n;
}

static struct slice after(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.n - n);
}

/* METHOD SP TARGET SP HTTP/1.x */
static int request_line(struct slice line, struct http_head *ret)
{
    static const char version[] = " HTTP/1.";
    size_t n = token_length(line), target = 0;

    if (n == 0 || n == line.n || line.p[n] != ' ')
        return BAD_REQUEST;
    ret->method = slice_of(line.p, n);
    line = after(line, n + 1);
    while (target < line.n && line.p[target] > ' ' && line.p[target] <= '~')
        target++;
    if (target == 0 || line.p[0] != '/')
        return BAD_REQUEST;
    ret->target = slice_of(line.p, target);
    line = after(line, target);
    if (line.n != strlen(version) + 1 || strncmp((const char *)line.p, " HTTP/", 6) != 0)
        return BAD_REQUEST;
    if (memcmp(line.p, version, strlen(version)) != 0)
        return VERSION;
    if (line.p[8] != '0' && line.p[8] != '1')
        return VERSION;
    ret->keep = line.p[8] == '1';
    return 0;
}

static bool is(struct slice s, const char *name)
{
    return s.n == strlen(name) && strncasecmp((const char *)s.p, name, s.n) == 0;
}

static bool has(struct slice s, const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i + n <= s.n; i++)
        if (strncasecmp((const char *)s.p + i, word, n) == 0)
            return true;
    return false;
}

static struct slice trim(struct slice s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = after(s, 1);
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static int field(struct slice line, struct http_head *ret)
{
    size_t n = token_length(line);
    struct slice name = slice_of(line.p, n), value;

    if (n == 0 || n == line.n || line.p[n] != ':')
        return BAD_REQUEST;
    value = trim(after(line, n + 1));
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f)
            return BAD_REQUEST;
    if (is(name, "transfer-encoding") || (is(name, "content-length") && !is(value, "0")))
        return BODY;
    if (is(name, "connection") && has(value, "close"))
        ret->keep = false;
    if (is(name, "accept") && has(value, "application/openmetrics-text"))
        ret->open_metrics = true;
    return 0;
}

/* The line at the front of *in, without its end, which is taken off too; p is NULL where its end is
 * not there. */
static struct slice take_line(struct slice *in)
{
    const uint8_t *end = in->n > 0 ? memchr(in->p, '\n', in->n) : NULL;
    struct slice line = {NULL, 0};

    if (!end)
        return line;
    line = slice_of(in->p, (size_t)(end - in->p));
    *in = after(*in, line.n + 1);
    return line;
}

int http_head_parse(struct slice in, struct http_head *ret)
{
    struct slice left = in, line;
    struct http_head head = {.keep = false};
    bool first = true;
    int r = 0;

    while ((line = take_line(&left)).p) {
        if (line.n == 0 || line.p[line.n - 1] != '\r')
            return BAD_REQUEST;
        line.n--;
        if (line.n == 0 && !first) {
            if (in.n - left.n > HTTP_HEAD_MAX)
                return TOO_LARGE;
            *ret = head;
            return (int)(in.n - left.n);
        }
        r = first ? request_line(line, &head) : field(line, &head);
        if (r < 0)
            return r;
        first = false;
    }
    return in.n >= HTTP_HEAD_MAX ? TOO_LARGE : 0;
}
