#include "check/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#define SPEC_WORDS 96 /* words of one check */
#define SPEC_EVERY NSEC_PER_SEC
#define SPEC_TIMEOUT NSEC_PER_SEC
#define SPEC_FALL 1
#define SPEC_RISE 2
#define SPEC_PROBE_EVERY (2 * NSEC_PER_SEC) /* over a network, and of many */
#define SPEC_PROBE_FALL 3
#define SPEC_PID_MAX 4194304 /* PID_MAX_LIMIT of Linux */

/* One parse: the words with their places, the name where one was given. */
struct reader {
    const char *text;
    char *words;
    size_t words_cap;
    bool probe;             /* of data ports: it has no name */
    char *word[SPEC_WORDS]; /* into buf */
    size_t at[SPEC_WORDS];  /* where each begins in text */
    bool bare[SPEC_WORDS];  /* no quote before its first '=' */
    size_t n;
    char buf[SPEC_TEXT];
};

/* The word in quotes, cut and printable. */
static const char *quoted(const char *text, char ret[90])
{
    size_t n = strnlen(text, 80), at = 0;

    ret[at++] = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        ret[at++] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    memcpy(ret + at, text[n] ? "...\"" : "\"", text[n] ? 5 : 2);
    return ret;
}

static int refuse(const struct reader *r, size_t word, int error, const char *what)
{
    char quote[90];

    if (word < r->n)
        snprintf(r->words, r->words_cap, "at character %zu, %s: %s", r->at[word] + 1,
                 quoted(r->word[word], quote), what);
    else
        snprintf(r->words, r->words_cap, "%s: %s", quoted(r->text, quote), what);
    return error;
}

/* Takes one word from *p into *to; false: its quote does not end. */
static bool take_word(const char **p, char **to, bool *ret_bare)
{
    char quote = '\0';
    bool equals = false;

    *ret_bare = true;
    for (; **p && (quote || (**p != ' ' && **p != '\t')); (*p)++) {
        char c = **p;
        if (!quote && (c == '"' || c == '\'')) {
            quote = c;
            *ret_bare &= equals;
        } else if (c == quote) {
            quote = '\0';
        } else {
            if (c == '\\' && quote == '"' && ((*p)[1] == '"' || (*p)[1] == '\\'))
                c = *++*p;
            equals |= c == '=';
            *(*to)++ = c;
        }
    }
    *(*to)++ = '\0';
    return quote == '\0';
}

static int split(struct reader *r)
{
    const char *p = r->text;
    char *to = r->buf;

    if (strlen(r->text) >= sizeof r->buf - 1)
        return refuse(r, r->n, QHCP_E_ARG, "longer than 4094 bytes");
    for (p += strspn(p, " \t"); *p; p += strspn(p, " \t")) {
        if (r->n == SPEC_WORDS)
            return refuse(r, SPEC_WORDS, QHCP_E_ARG, "more than 96 words");
        r->at[r->n] = (size_t)(p - r->text);
        r->word[r->n] = to;
        if (!take_word(&p, &to, &r->bare[r->n])) {
            r->n++;
            return refuse(r, r->n - 1, QHCP_E_PARSE, "its quote does not end");
        }
        r->n++;
    }
    if (r->n == 0)
        return refuse(r, 0, QHCP_E_PARSE, "a check is wanted here, as tcp:8080");
    return 0;
}

/* A whole number; false: it is none, or out of range. */
static bool read_count(const char *text, unsigned long min, unsigned long max, unsigned *ret)
{
    unsigned long value = 0;
    size_t n = strspn(text, "0123456789");

    if (n == 0 || n > 9 || text[n] != '\0')
        return false;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (unsigned long)(text[i] - '0');
    if (value < min || value > max)
        return false;
    *ret = (unsigned)value;
    return true;
}

/* "10", "1.5s", "250ms"; nanoseconds are the smallest part. */
static bool read_duration(const char *text, qhcp_nsec min, qhcp_nsec max, qhcp_nsec *ret)
{
    static const struct {
        const char *name;
        qhcp_nsec nsec;
    } units[] = {{"", NSEC_PER_SEC},  {"us", NSEC_PER_USEC},    {"ms", NSEC_PER_MSEC},
                 {"s", NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC}};
    size_t whole = strspn(text, "0123456789"), part = 0;
    qhcp_nsec value = 0, scale = 1;

    if (text[whole] == '.')
        part = strspn(text + whole + 1, "0123456789");
    if (whole == 0 || whole > 6 || part > 6 || (text[whole] == '.' && part == 0))
        return false;
    for (const char *p = text; p < text + whole + (part ? part + 1 : 0); p++) {
        if (*p == '.')
            continue;
        value = value * 10 + (qhcp_nsec)(*p - '0');
        scale *= p > text + whole ? 10 : 1;
    }
    text += whole + (part ? part + 1 : 0);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text, units[i].name) != 0)
            continue;
        value = (qhcp_nsec)((unsigned __int128)value * units[i].nsec / scale);
        if (value < min || value > max)
            return false;
        *ret = value;
        return true;
    }
    return false;
}

static bool set_name(struct spec *s, const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n > LIMIT_NAME)
        return false;
    for (size_t i = 0; i < n; i++)
        if (text[i] < 0x20 || text[i] >= 0x7f)
            return false;
    memcpy(s->name, text, n + 1);
    return true;
}

/* "200" or "200-399". */
static bool set_expect(struct spec *s, const char *text)
{
    char low[4];
    size_t n = strcspn(text, "-");
    unsigned from, to;

    if (n != 3)
        return false;
    memcpy(low, text, 3);
    low[3] = '\0';
    if (!read_count(low, 100, 599, &from) ||
        !read_count(text[n] ? text + n + 1 : low, from, 599, &to))
        return false;
    s->expect_from = from;
    s->expect_to = to;
    return true;
}

static bool set_body(struct spec *s, const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n >= sizeof s->body)
        return false;
    memcpy(s->body, text, n + 1);
    return true;
}

enum key { KEY_EVERY, KEY_TIMEOUT, KEY_FALL, KEY_RISE, KEY_NAME, KEY_EXPECT, KEY_BODY, KEYS };

static const struct {
    const char *name;
    bool http_only;
    const char *wanted;
} keys[KEYS] = {
    [KEY_EVERY] = {"every", false, "every= takes a duration of 10ms to 1h"},
    [KEY_TIMEOUT] = {"timeout", false, "timeout= takes a duration of 1ms to 1h"},
    [KEY_FALL] = {"fall", false, "fall= takes a number from 1 to 1000"},
    [KEY_RISE] = {"rise", false, "rise= takes a number from 1 to 1000"},
    [KEY_NAME] = {"name", false, "name= takes 1 to 64 printable ASCII characters"},
    [KEY_EXPECT] = {"expect", true, "expect= takes a status or a range of them, as 200-399"},
    [KEY_BODY] = {"body", true, "body= takes 1 to 255 bytes that the answer must hold"},
};

static bool set_key(struct spec *s, enum key key, const char *value)
{
    switch (key) {
    case KEY_EVERY:
        return read_duration(value, SPEC_EVERY_MIN, SPEC_DURATION_MAX, &s->every);
    case KEY_TIMEOUT:
        return read_duration(value, SPEC_TIMEOUT_MIN, SPEC_DURATION_MAX, &s->timeout);
    case KEY_FALL:
        return read_count(value, 1, SPEC_COUNT_MAX, &s->fall);
    case KEY_RISE:
        return read_count(value, 1, SPEC_COUNT_MAX, &s->rise);
    case KEY_NAME:
        return set_name(s, value);
    case KEY_EXPECT:
        return set_expect(s, value);
    case KEY_BODY:
        return set_body(s, value);
    case KEYS:
        break;
    }
    return false;
}

static bool is_parameter(const struct reader *r, size_t i)
{
    size_t n = strspn(r->word[i], "abcdefghijklmnopqrstuvwxyz-_");

    return r->bare[i] && n > 0 && r->word[i][n] == '=';
}

static int read_parameter(const struct reader *r, size_t i, struct spec *s, unsigned *seen)
{
    const char *word = r->word[i], *value = strchr(word, '=') + 1;
    size_t n = (size_t)(value - word) - 1;

    for (unsigned k = 0; k < KEYS; k++) {
        if (strlen(keys[k].name) != n || memcmp(keys[k].name, word, n) != 0)
            continue;
        if (*seen & 1u << k)
            return refuse(r, i, QHCP_E_EXISTS, "stands twice");
        if (keys[k].http_only && s->kind != SPEC_HTTP)
            return refuse(r, i, QHCP_E_ARG, "only a check of http:// takes this");
        if (r->probe && k == KEY_NAME)
            return refuse(r, i, QHCP_E_ARG, "a probe has no name: the server's address names it");
        *seen |= 1u << k;
        return set_key(s, (enum key)k, value) ? 0 : refuse(r, i, QHCP_E_ARG, keys[k].wanted);
    }
    return refuse(r, i, QHCP_E_PARSE,
                  r->probe ? "there is no such parameter: every, timeout, fall, rise"
                           : "there is no such parameter: every, timeout, fall, rise, name, and "
                             "for http:// expect and body");
}

/* "HOST:PORT", or a port alone where `port` allows that. */
static int read_address(const struct reader *r, size_t i, const char *text, bool port,
                        struct spec *s)
{
    char why[300];
    unsigned number;

    if (port && !strchr(text, ':')) {
        if (!read_count(text, 1, 65535, &number))
            return refuse(r, i, QHCP_E_ARG, "a port is a number from 1 to 65535");
        s->address.port = (uint16_t)number;
        return 0;
    }
    return address_parse(text, &s->address, why, sizeof why) == 0 ? 0
                                                                  : refuse(r, i, QHCP_E_PARSE, why);
}

static int read_http(const struct reader *r, size_t i, struct spec *s)
{
    const char *authority = r->word[i] + strlen("http://");
    size_t n = strcspn(authority, "/?#");
    char host[ADDRESS_HOST + 16];

    for (const char *p = r->word[i]; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f)
            return refuse(r, i, QHCP_E_PARSE, "a URL has neither blanks nor bytes beyond ASCII");
    if (n == 0 || n >= sizeof host - 4 || memchr(authority, '@', n) || strchr(authority, '#'))
        return refuse(r, i, QHCP_E_PARSE, "http://HOST[:PORT][/PATH] is wanted");
    memcpy(host, authority, n);
    host[n] = '\0';
    if (host[n - 1] == ']' || !strchr(host, ':'))
        memcpy(host + n, ":80", 4);
    memcpy(s->text, r->word[i], strlen(r->word[i]) + 1);
    return read_address(r, i, host, false, s);
}

static int check_command(const struct reader *r, size_t i, const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return refuse(r, i, QHCP_E_NOT_FOUND, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(r, i, QHCP_E_ARG, "is not a regular file");
    if (access(path, X_OK) < 0)
        return refuse(r, i, QHCP_E_PERMISSION, "is not executable");
    return 0;
}

static int read_exec(const struct reader *r, size_t i, bool no_files, struct spec *s)
{
    char *to = s->text;

    if (r->word[i][5] != '/')
        return refuse(r, i, QHCP_E_PARSE,
                      "exec: wants an absolute path: exec:/path [argument ...]");
    if (r->n - i > SPEC_ARGUMENTS + 1)
        return refuse(r, i, QHCP_E_ARG, "more than 64 arguments");
    for (size_t w = i; w < r->n; w++) {
        const char *word = r->word[w] + (w == i ? 5 : 0);
        size_t n = strlen(word) + 1;
        s->argv[w - i] = memcpy(to, word, n);
        to += n;
    }
    s->argv[r->n - i] = NULL;
    return no_files ? 0 : check_command(r, i, s->argv[0]);
}

/* The target is the first word that is no parameter. */
static int read_target(const struct reader *r, size_t i, bool no_files, struct spec *s)
{
    const char *word = i < r->n ? r->word[i] : "";

    if (strncmp(word, "tcp:", 4) == 0) {
        s->kind = SPEC_TCP;
        return read_address(r, i, word + 4, true, s);
    }
    if (strncmp(word, "http://", 7) == 0) {
        s->kind = SPEC_HTTP;
        return read_http(r, i, s);
    }
    if (strncmp(word, "exec:", 5) == 0) {
        s->kind = SPEC_EXEC;
        return read_exec(r, i, no_files, s);
    }
    return refuse(r, i, QHCP_E_PARSE,
                  "tcp:[HOST:]PORT, http://HOST[:PORT][/PATH] or exec:/PATH is wanted");
}

/* The target itself, as far as it fits a name. */
static void default_name(const struct reader *r, size_t target, struct spec *s)
{
    size_t n = strnlen(r->word[target], LIMIT_NAME);

    if (s->name[0] != '\0')
        return;
    for (size_t i = 0; i < n; i++) {
        char c = r->word[target][i];
        s->name[i] = c < 0x20 || c >= 0x7f ? '?' : c;
    }
    s->name[n] = '\0';
}

/* "tcp" or "tcp:PORT". */
static int read_probe(const struct reader *r, size_t i, bool no_files, struct spec *s)
{
    const char *word = i < r->n ? r->word[i] : "";

    (void)no_files;
    s->kind = SPEC_TCP;
    if (strcmp(word, "tcp") == 0)
        return 0;
    if (strncmp(word, "tcp:", 4) != 0 || strchr(word + 4, ':'))
        return refuse(r, i, QHCP_E_PARSE, "tcp or tcp:PORT is wanted");
    return read_address(r, i, word + 4, true, s);
}

typedef int read_fn(const struct reader *r, size_t i, bool no_files, struct spec *s);

static int parse(const char *text, read_fn *read, bool no_files, struct spec *ret, char *words,
                 size_t words_cap)
{
    struct reader r = {
        .text = text, .words = words, .words_cap = words_cap, .probe = read == read_probe};
    size_t target = 0;
    unsigned seen = 0;
    int err = split(&r);

    while (err == 0 && target < r.n && is_parameter(&r, target))
        target++;
    if (err == 0)
        err = read(&r, target, no_files, ret);
    for (size_t i = 0; i < r.n && err == 0; i++) {
        if (i == target && ret->kind == SPEC_EXEC)
            break; /* what follows are arguments */
        if (i == target)
            continue;
        err = is_parameter(&r, i) ? read_parameter(&r, i, ret, &seen)
                                  : refuse(&r, i, QHCP_E_PARSE, "KEY=VALUE is wanted here");
    }
    if (err == 0)
        default_name(&r, target, ret);
    ret->outlasts = (seen & 1u << KEY_TIMEOUT) && ret->timeout > ret->every;
    return err;
}

bool spec_advice(const struct spec *s, char *words, size_t words_cap)
{
    if (s->outlasts)
        snprintf(words, words_cap,
                 "timeout= (%llu ms) is longer than every= (%llu ms): while a run hangs no other "
                 "begins, and a hang is found only after the timeout",
                 (unsigned long long)(s->timeout / NSEC_PER_MSEC),
                 (unsigned long long)(s->every / NSEC_PER_MSEC));
    return s->outlasts;
}

int spec_parse(const char *text, bool no_files, struct spec *ret, char *words, size_t words_cap)
{
    *ret = (struct spec){.every = SPEC_EVERY,
                         .timeout = SPEC_TIMEOUT,
                         .fall = SPEC_FALL,
                         .rise = SPEC_RISE,
                         .expect_from = 200,
                         .expect_to = 299};
    return parse(text, read_target, no_files, ret, words, words_cap);
}

int spec_probe(const char *text, struct spec *ret, char *words, size_t words_cap)
{
    *ret = (struct spec){.every = SPEC_PROBE_EVERY,
                         .timeout = SPEC_TIMEOUT,
                         .fall = SPEC_PROBE_FALL,
                         .rise = SPEC_RISE};
    return parse(text, read_probe, true, ret, words, words_cap);
}

int spec_pid(const char *text, struct spec *ret, char *words, size_t words_cap)
{
    struct reader r = {.text = text, .words = words, .words_cap = words_cap};
    unsigned pid;

    if (!read_count(text, 1, SPEC_PID_MAX, &pid))
        return refuse(&r, 0, QHCP_E_ARG, "a process is a number from 1 to 4194304");
    *ret = (struct spec){.kind = SPEC_PID, .pid = (int)pid};
    snprintf(ret->name, sizeof ret->name, "process %u", pid);
    return 0;
}

int spec_unit(const char *text, struct spec *ret, char *words, size_t words_cap)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
    struct reader r = {.text = text, .words = words, .words_cap = words_cap};
    size_t n = strlen(text);
    bool suffix = strchr(text, '.') != NULL;

    if (n == 0 || strspn(text, allowed) != n || n + (suffix ? 0 : 8) > LIMIT_NAME)
        return refuse(&r, 0, QHCP_E_ARG,
                      "the name of a unit of systemd is wanted, at most 64 bytes");
    if (suffix && (n < 9 || strcmp(text + n - 8, ".service") != 0))
        return refuse(&r, 0, QHCP_E_ARG, "only a .service has a main process");
    *ret = (struct spec){.kind = SPEC_UNIT, .every = SPEC_EVERY, .timeout = SPEC_TIMEOUT};
    snprintf(ret->name, sizeof ret->name, "%s%s", text, suffix ? "" : ".service");
    return 0;
}
