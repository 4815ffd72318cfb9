#include "check/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/value.h"

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

static int refuse(const struct reader *r, size_t word, int error, const char *what)
{
    char quote[VALUE_QUOTE + 8];

    if (word < r->n)
        snprintf(r->words, r->words_cap, "at character %zu, %s: %s", r->at[word] + 1,
                 value_quote(r->word[word], quote), what);
    else
        snprintf(r->words, r->words_cap, "%s: %s", value_quote(r->text, quote), what);
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
        return refuse(r, 0, QHCP_E_PARSE, "expected a check, as tcp:8080");
    return 0;
}

static bool set_name(struct spec *s, const char *text)
{
    size_t n = strlen(text);

    if (n == 0 || n > LIMIT_NAME)
        return false;
    memcpy(s->name, text, n + 1);
    return utf8_printable(slice_of(text, n));
}

/* "200" or "200-399". */
static bool set_expect(struct spec *s, const char *text)
{
    char low[4], ignored[200];
    size_t n = strcspn(text, "-");
    uint64_t from, to;

    if (n != 3)
        return false;
    memcpy(low, text, 3);
    low[3] = '\0';
    if (value_count(low, "status", 100, 599, &from, ignored, sizeof ignored) < 0 ||
        value_count(text[n] ? text + n + 1 : low, "status", from, 599, &to, ignored,
                    sizeof ignored) < 0)
        return false;
    s->expect_from = (unsigned)from;
    s->expect_to = (unsigned)to;
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
    const char *wanted; /* of what is neither a duration nor a count */
} keys[KEYS] = {
    [KEY_EVERY] = {"every", false, NULL},
    [KEY_TIMEOUT] = {"timeout", false, NULL},
    [KEY_FALL] = {"fall", false, NULL},
    [KEY_RISE] = {"rise", false, NULL},
    [KEY_NAME] = {"name", false, "name= takes 1 to 64 bytes of printable text"},
    [KEY_EXPECT] = {"expect", true, "expect= takes a status or a range of them, as 200-399"},
    [KEY_BODY] = {"body", true, "body= takes 1 to 255 bytes that the answer must hold"},
};

static int set_count(const char *value, unsigned *ret, char *why, size_t why_cap)
{
    uint64_t count = 0;
    int err = value_count(value, "count", 1, SPEC_COUNT_MAX, &count, why, why_cap);

    if (err == 0)
        *ret = (unsigned)count;
    return err;
}

static int set_key(struct spec *s, enum key key, const char *value, char *why, size_t why_cap)
{
    bool fits = false;

    switch (key) {
    case KEY_EVERY:
        return value_duration(value, SPEC_EVERY_MIN, SPEC_DURATION_MAX, &s->every, why, why_cap);
    case KEY_TIMEOUT:
        return value_duration(value, SPEC_TIMEOUT_MIN, SPEC_DURATION_MAX, &s->timeout, why,
                              why_cap);
    case KEY_FALL:
        return set_count(value, &s->fall, why, why_cap);
    case KEY_RISE:
        return set_count(value, &s->rise, why, why_cap);
    case KEY_NAME:
        fits = set_name(s, value);
        break;
    case KEY_EXPECT:
        fits = set_expect(s, value);
        break;
    case KEY_BODY:
        fits = set_body(s, value);
        break;
    case KEYS:
        break;
    }
    snprintf(why, why_cap, "%s", keys[key].wanted);
    return fits ? 0 : QHCP_E_ARG;
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
    char why[VALUE_QUOTE + 200];
    int err;

    for (unsigned k = 0; k < KEYS; k++) {
        if (strlen(keys[k].name) != n || memcmp(keys[k].name, word, n) != 0)
            continue;
        if (*seen & 1u << k)
            return refuse(r, i, QHCP_E_EXISTS, "is there twice");
        if (keys[k].http_only && s->kind != SPEC_HTTP)
            return refuse(r, i, QHCP_E_ARG, "only an http:// check takes this");
        if (r->probe && k == KEY_NAME)
            return refuse(r, i, QHCP_E_ARG, "a probe has no name: the server's address names it");
        *seen |= 1u << k;
        err = set_key(s, (enum key)k, value, why, sizeof why);
        return err == 0 ? 0 : refuse(r, i, err, why);
    }
    return refuse(r, i, QHCP_E_PARSE,
                  r->probe ? "not a setting: use every, timeout, fall or rise"
                           : "not a setting: use every, timeout, fall, rise or name, and for "
                             "http:// expect or body");
}

/* "HOST:PORT", or a port alone where `port` allows that. */
static int read_address(const struct reader *r, size_t i, const char *text, bool port,
                        struct spec *s)
{
    char why[300];
    uint64_t number = 0;
    int err;

    if (port && !strchr(text, ':')) {
        err = value_count(text, "port", 1, 65535, &number, why, sizeof why);
        s->address.port = (uint16_t)number;
    } else {
        err = address_parse(text, &s->address, why, sizeof why);
    }
    return err == 0 ? 0 : refuse(r, i, QHCP_E_PARSE, why);
}

static int read_http(const struct reader *r, size_t i, struct spec *s)
{
    const char *authority = r->word[i] + strlen("http://");
    size_t n = strcspn(authority, "/?#");
    char host[ADDRESS_HOST + 16];

    for (const char *p = r->word[i]; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f)
            return refuse(r, i, QHCP_E_PARSE, "a URL has no blanks, and only ASCII bytes");
    if (n == 0 || n >= sizeof host - 4 || memchr(authority, '@', n) || strchr(authority, '#'))
        return refuse(r, i, QHCP_E_PARSE, "expected http://HOST[:PORT][/PATH]");
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
                      "exec: needs an absolute path: exec:/path [argument ...]");
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
                  "expected tcp:[HOST:]PORT, http://HOST[:PORT][/PATH] or exec:/PATH");
}

/* The target itself, as far as it fits a name. */
static void default_name(const struct reader *r, size_t target, struct spec *s)
{
    if (s->name[0] == '\0')
        utf8_clean(slice_str(r->word[target]), s->name, sizeof s->name);
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
        return refuse(r, i, QHCP_E_PARSE, "expected tcp or tcp:PORT");
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
                                  : refuse(&r, i, QHCP_E_PARSE, "expected KEY=VALUE");
    }
    if (err == 0)
        default_name(&r, target, ret);
    ret->outlasts = (seen & 1u << KEY_TIMEOUT) && ret->timeout > ret->every;
    return err;
}

bool spec_advice(const struct spec *s, char *words, size_t words_cap)
{
    char timeout[32], every[32];

    value_duration_text(s->timeout, timeout, sizeof timeout);
    value_duration_text(s->every, every, sizeof every);
    if (s->outlasts)
        snprintf(words, words_cap,
                 "timeout=%s is longer than every=%s: no other run starts while one hangs, and a "
                 "hang is found only after the timeout",
                 timeout, every);
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
    uint64_t pid;
    int err = value_count(text, "process", 1, SPEC_PID_MAX, &pid, words, words_cap);

    if (err < 0)
        return err;
    *ret = (struct spec){.kind = SPEC_PID, .pid = (int)pid};
    snprintf(ret->name, sizeof ret->name, "process %d", ret->pid);
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
        return refuse(&r, 0, QHCP_E_ARG, "expected the name of a systemd unit, at most 64 bytes");
    if (suffix && (n < 9 || strcmp(text + n - 8, ".service") != 0))
        return refuse(&r, 0, QHCP_E_ARG, "only a .service has a main process");
    *ret = (struct spec){.kind = SPEC_UNIT, .every = SPEC_EVERY, .timeout = SPEC_TIMEOUT};
    snprintf(ret->name, sizeof ret->name, "%s%s", text, suffix ? "" : ".service");
    return 0;
}
