#include "cli/redact.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define GONE "[removed]"
#define PUBLIC "sha256:" /* a certificate's fingerprint follows */
#define WEBHOOK "webhook"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-=";

static size_t count(const char *p, size_t n, int (*is)(int c))
{
    size_t found = 0;

    for (size_t i = 0; i < n; i++)
        found += is((unsigned char)p[i]) != 0;
    return found;
}

/* Does a run of n such letters look like a key? */
static bool is_key(const char *p, size_t n)
{
    if (n >= REDACT_HEX && count(p, n, isxdigit) == n)
        return true;
    return n >= REDACT_RUN && p[0] != '/' && count(p, n, isupper) > 0 && count(p, n, islower) > 0 &&
           count(p, n, isdigit) > 0;
}

/* A token's three parts, or two of them; 0: none begins here. */
static size_t token_at(const char *p)
{
    size_t n;

    if (strncmp(p, "eyJ", 3) != 0)
        return 0;
    n = strspn(p, letters);
    for (int i = 0; i < 2 && p[n] == '.'; i++)
        n += 1 + strspn(p + n + 1, letters);
    return n > 8 ? n : 0;
}

/* The bytes of "user:password" between "://" and '@'; 0: none. */
static size_t user_at(const char *p)
{
    size_t n = strcspn(p, "@/ \t\"'<>");

    return p[n] == '@' ? n : 0;
}

/* The bytes from "://" to the path of a URL, or to its user; 0: none begins here, or it has no
 * path. */
static size_t path_at(const char *p)
{
    size_t n;

    if (strncmp(p, "://", 3) != 0)
        return 0;
    n = 3 + strcspn(p + 3, "/?# \t\"'");
    if (user_at(p + 3) > 0)
        return 3;
    return n > 3 && p[n] != '\0' && strchr("/?#", p[n]) ? n : 0;
}

/* Where the value begins, behind a word that says that it is secret; NULL: there is no such word
 * here.  A path is no secret: token-file: /etc/x. */
static const char *secret_at(const char *p)
{
    static const char *const words[] = {"password", "passwd",  "secret", "token",        "apikey",
                                        "api_key",  "api-key", "bearer", "authorization"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i]);
        const char *q = p + n;

        if (strncasecmp(p, words[i], n) != 0)
            continue;
        q += strspn(q, "\"' ");
        if (*q != '=' && *q != ':')
            continue;
        q += 1 + strspn(q + 1, " \"'");
        return *q == '/' || *q == '\0' ? NULL : q;
    }
    return NULL;
}

/* What is to be copied, and what is to be skipped behind it, from p on.  webhook: a URL's path is
 * what a chat service gives out instead of a password. */
static size_t one(struct text *t, const char *p, bool begins, bool webhook)
{
    const char *value = secret_at(p);
    size_t n = token_at(p);

    if (n > 0) {
        text_add(t, "[token removed]");
        return n;
    }
    if (webhook && (n = path_at(p)) > 0) {
        text_bytes(t, p, n);
        text_add(t, "/" GONE);
        return n + strcspn(p + n, " \t\"'");
    }
    if (strncmp(p, "://", 3) == 0 && user_at(p + 3) > 0) {
        text_add(t, "://" GONE);
        return 3 + user_at(p + 3);
    }
    if (value) {
        text_bytes(t, p, (size_t)(value - p));
        text_add(t, GONE);
        n = strcspn(value, "\"',}");
        return (size_t)(value - p) + (n > 0 ? n : 1);
    }
    if (strncmp(p, PUBLIC, strlen(PUBLIC)) == 0) {
        n = strlen(PUBLIC) + strspn(p + strlen(PUBLIC), letters);
        text_bytes(t, p, n);
        return n;
    }
    n = begins ? strspn(p, letters) : 0;
    if (n > 0 && is_key(p, n)) {
        text_add(t, GONE);
        return n;
    }
    text_bytes(t, p, 1);
    return 1;
}

/* Is it the rest of an entry of the line before, as YAML has it? */
static bool continues(const char *line)
{
    size_t n = strspn(line, " \t");

    return n > 0 && line[n] != '-';
}

static void add_line(struct text *t, const char *line, bool webhook)
{
    bool begins = true;

    while (*line != '\0') {
        line += one(t, line, begins, webhook);
        begins = !strchr(letters, line[-1]);
    }
}

void redact_text(struct text *t, const char *text)
{
    struct text line = {0};
    bool key = false, webhook = false;

    while (*text != '\0' && !line.failed) {
        size_t n = strcspn(text, "\n");

        text_reset(&line);
        text_bytes(&line, text, n);
        if (!line.failed && strstr(line.at, "-----BEGIN ") && strstr(line.at, "PRIVATE KEY")) {
            key = true;
            text_add(t, "[private key removed]");
        }
        if (!line.failed)
            webhook = strstr(line.at, WEBHOOK) || (webhook && continues(line.at));
        if (!key && !line.failed)
            add_line(t, line.at, webhook);
        if (!line.failed && key && strstr(line.at, "-----END "))
            key = false;
        text += n;
        if (*text == '\n' && !key)
            text_add(t, "\n");
        text += *text == '\n';
    }
    t->failed = t->failed || line.failed;
    text_deinit(&line);
}
