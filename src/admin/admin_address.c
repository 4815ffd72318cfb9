#include "admin/admin_address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/value.h"

#define WORDS 300
#define OPTION "--admin"

/* Only the owner, or the owner and the group: others never. */
static bool parse_mode(const char *text, unsigned *ret)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);

    if (end == text || *end != '\0' || (mode & ~0660UL) != 0 || (mode & 0600) != 0600)
        return false;
    *ret = (unsigned)mode;
    return true;
}

static int parse_local(const char *text, struct admin_address *ret, char *words, size_t words_cap)
{
    const char *path = text + strlen("unix:"), *comma = strstr(path, ",mode=");
    size_t n = comma ? (size_t)(comma - path) : strlen(path);
    char quote[VALUE_QUOTE + 8];

    if (n == 0 || n >= sizeof ret->path) {
        snprintf(words, words_cap, "%s: expected unix: and a path of 1 to %zu bytes",
                 value_quote(text, quote), sizeof ret->path - 1);
        return QHCP_E_PARSE;
    }
    *ret = (struct admin_address){.local = true, .given = true, .mode = 0600};
    memcpy(ret->path, path, n);
    if (comma && !parse_mode(comma + strlen(",mode="), &ret->mode)) {
        snprintf(words, words_cap, "%s: expected mode=0600 or mode=0660", value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    return 0;
}

int admin_address_parse(const char *text, struct admin_address *ret, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], ignored[WORDS];
    struct address a;

    if (strncmp(text, "unix:", strlen("unix:")) == 0)
        return parse_local(text, ret, words, words_cap);
    if (address_parse(text, &a, ignored, sizeof ignored) != 0 || !a.literal) {
        snprintf(words, words_cap,
                 "%s is not a place to listen: use ADDRESS:PORT as 127.0.0.1:%u or [::1]:%u, "
                 "unix:PATH, or off",
                 value_quote(text, quote), ADMIN_PORT, ADMIN_PORT);
        return QHCP_E_PARSE;
    }
    *ret = (struct admin_address){
        .given = true, .addr = a.addr, .loopback = address_is_loopback(&a.addr)};
    return 0;
}

static bool same(const struct admin_address *a, const struct admin_address *b)
{
    if (a->local != b->local)
        return false;
    return a->local ? strcmp(a->path, b->path) == 0 : address_equal(&a->addr, &b->addr);
}

static int by_default(unsigned port, struct admin_address ret[ADMIN_ADDRESSES], size_t *ret_n,
                      char *words, size_t words_cap)
{
    int r = private_socket_path("admin", port, OPTION, ret[1].path, words, words_cap);
    char ignored[WORDS];

    if (r < 0 && r != QHCP_E_FULL)
        return r;
    ret[0].loopback = true;
    (void)address_parse_ip("127.0.0.1", ADMIN_PORT, &ret[0].addr, ignored, sizeof ignored);
    ret[1].local = true;
    ret[1].mode = 0600;
    *ret_n = r == QHCP_E_FULL ? 1 : 2;
    return 0;
}

int admin_address_all(const struct list *texts, unsigned port,
                      struct admin_address ret[ADMIN_ADDRESSES], size_t *ret_n, char *words,
                      size_t words_cap)
{
    size_t n = 0;
    int r = 0;

    words[0] = '\0';
    memset(ret, 0, ADMIN_ADDRESSES * sizeof ret[0]);
    if (texts->n == 0)
        return by_default(port, ret, ret_n, words, words_cap);
    if (texts->n == 1 && strcmp(texts->at[0], "off") == 0) {
        *ret_n = 0;
        return 0;
    }
    for (; n < texts->n && n < ADMIN_ADDRESSES && r == 0; n++) {
        if (strcmp(texts->at[n], "off") == 0) {
            snprintf(words, words_cap, OPTION " off excludes every other " OPTION);
            return QHCP_E_EXISTS;
        }
        r = admin_address_parse(texts->at[n], &ret[n], words, words_cap);
        for (size_t i = 0; r == 0 && i < n; i++)
            if (same(&ret[i], &ret[n])) {
                snprintf(words, words_cap, OPTION " %s is there twice", texts->at[n]);
                r = QHCP_E_EXISTS;
            }
    }
    *ret_n = n;
    return r;
}
