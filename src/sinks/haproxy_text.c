#include "sinks/haproxy_text.h"

#include <string.h>

bool haproxy_text_answer(const char **text, size_t *n, bool last, const char **ret, size_t *ret_n)
{
    const char *p = *text, *end = p + *n, *stop = p;

    if (*n == 0)
        return false;
    if (last) {
        stop = end;
    } else {
        while (stop < end && *stop != '\n') { /* line by line, up to an empty one */
            const char *line = memchr(stop, '\n', (size_t)(end - stop));

            if (!line)
                return false;
            stop = line + 1;
        }
        if (stop == end)
            return false;
    }
    *text = last ? end : stop + 1;
    *n = (size_t)(end - *text);
    while (p < stop && (*p == '\n' || *p == ' '))
        p++;
    while (stop > p && (stop[-1] == '\n' || stop[-1] == ' '))
        stop--;
    *ret = p;
    *ret_n = (size_t)(stop - p);
    return true;
}

/* The line at *text without its end; false: there is none. */
static bool next_line(const char **text, size_t *n, const char **ret, size_t *ret_n)
{
    const char *end;

    if (*n == 0)
        return false;
    end = memchr(*text, '\n', *n);
    *ret = *text;
    *ret_n = end ? (size_t)(end - *text) : *n;
    *text += *ret_n + (end ? 1 : 0);
    *n -= *ret_n + (end ? 1 : 0);
    return true;
}

static bool number(const char *p, size_t n, uint64_t most, uint64_t *ret)
{
    uint64_t v = 0;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
        if (v > most)
            return false;
    }
    *ret = v;
    return true;
}

/* "Name: 123" */
static bool member(const char *line, size_t n, const char *name, uint64_t *ret)
{
    size_t k = strlen(name);

    return n > k + 2 && memcmp(line, name, k) == 0 && memcmp(line + k, ": ", 2) == 0 &&
           number(line + k + 2, n - k - 2, UINT64_MAX / 16, ret);
}

bool haproxy_text_info(const char *answer, size_t n, struct haproxy_info *ret)
{
    struct haproxy_info info = {.pid = 0};
    uint64_t stopping = 0;
    const char *line;
    bool pid = false, started = false;
    size_t k;

    while (next_line(&answer, &n, &line, &k)) {
        pid = member(line, k, "Pid", &info.pid) || pid;
        started = member(line, k, "Start_time_sec", &info.started) || started;
        (void)member(line, k, "Stopping", &stopping);
    }
    info.stopping = stopping != 0;
    if (pid && started)
        *ret = info;
    return pid && started;
}

/* Words of a row, as many as are asked for. */
enum {
    BACKEND = 1,
    NAME = 3,
    ADDRESS = 4,
    OP = 5,
    ADMIN = 6,
    WEIGHT = 7,
    CONFIGURED = 8,
    CHECK = 13,
    AGENT = 14,
    PORT = 18,
    WORDS = 19,
};

struct word {
    const char *at;
    size_t n;
};

static size_t split(const char *line, size_t n, struct word ret[WORDS])
{
    size_t k = 0, i = 0;

    while (i < n && k < WORDS) {
        size_t from = i;

        while (i < n && line[i] != ' ')
            i++;
        ret[k++] = (struct word){line + from, i - from};
        i++;
    }
    return k;
}

static bool copy(const struct word *w, char *ret, size_t cap)
{
    if (w->n == 0 || w->n >= cap || memchr(w->at, '\0', w->n))
        return false;
    memcpy(ret, w->at, w->n);
    ret[w->n] = '\0';
    return true;
}

static bool value(const struct word *w, uint32_t *ret)
{
    uint64_t v;

    if (!number(w->at, w->n, UINT32_MAX, &v))
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool parse_row(const char *line, size_t n, const char *backend, struct haproxy_row *ret)
{
    struct word w[WORDS];
    struct haproxy_row r = {.name = ""};

    if (n == 0 || line[0] == '#' || split(line, n, w) < WORDS)
        return false;
    if (w[BACKEND].n != strlen(backend) || memcmp(w[BACKEND].at, backend, w[BACKEND].n) != 0)
        return false;
    if (!copy(&w[NAME], r.name, sizeof r.name) || !copy(&w[ADDRESS], r.address, sizeof r.address) ||
        !value(&w[OP], &r.op) || !value(&w[ADMIN], &r.admin) || !value(&w[WEIGHT], &r.weight) ||
        !value(&w[CONFIGURED], &r.configured) || !value(&w[CHECK], &r.check) ||
        !value(&w[AGENT], &r.agent) || !value(&w[PORT], &r.port))
        return false;
    *ret = r;
    return true;
}

bool haproxy_text_row(const char **text, size_t *n, const char *backend, struct haproxy_row *ret)
{
    const char *line;
    size_t k;

    while (next_line(text, n, &line, &k))
        if (parse_row(line, k, backend, ret))
            return true;
    return false;
}

bool haproxy_text_is_state(const char *answer, size_t n)
{
    static const char begins[] = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state "
                                 "srv_admin_state srv_uweight srv_iweight ";

    return n >= sizeof begins - 1 && memcmp(answer, begins, sizeof begins - 1) == 0;
}
