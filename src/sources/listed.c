#include "sources/listed.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "fleet/fleet.h"

#define BLANKS " \t"
#define WORD 300

int listed_service(const char *text, union qhcp_addr *ret, uint16_t *ret_port, char *words,
                   size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    struct address a = {.host = ""};
    uint64_t port = 0;
    int r = strncmp(text, "tcp:", 4) == 0 ? 0 : QHCP_E_PARSE;

    if (r == 0 && strchr(text + 4, ':'))
        r = address_parse(text + 4, &a, words, words_cap);
    else if (r == 0)
        r = value_count(text + 4, "port", 1, 65535, &port, words, words_cap);
    if (r < 0 || (port == 0 && !a.literal)) {
        snprintf(words, words_cap,
                 "%s is not a service: use tcp:PORT, or tcp:ADDRESS:PORT with an IP address",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    *ret = a.addr;
    *ret_port = port > 0 ? (uint16_t)port : a.port;
    return 0;
}

/* The same setting stands before this word. */
static bool is_again(const char *from, const char *at)
{
    size_t n = strcspn(at, "= \t");

    for (const char *p = from; p < at; p += strcspn(p, BLANKS), p += strspn(p, BLANKS))
        if (strcspn(p, "= \t") == n && memcmp(p, at, n) == 0)
            return true;
    return false;
}

static int set(struct listed *l, const char *word, char *words, size_t words_cap)
{
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : 0;
    char quote[VALUE_QUOTE + 8];
    uint64_t number = 0;
    int r;

    if (n == 6 && strncmp(word, "weight", n) == 0) {
        r = value_count(equals + 1, "weight", 1, FLEET_WEIGHT_MAX, &number, words, words_cap);
        l->weight = (unsigned)number;
    } else if (n == 8 && strncmp(word, "priority", n) == 0) {
        r = value_count(equals + 1, "priority", 0, FLEET_TIERS - 1, &number, words, words_cap);
        l->priority = (unsigned)number;
    } else if (n == 7 && strncmp(word, "service", n) == 0) {
        r = listed_service(equals + 1, &l->service, &l->port, words, words_cap);
    } else {
        snprintf(words, words_cap,
                 "%s is not a setting of a server: use weight=1 to %d, priority=0 to %d, "
                 "service=tcp:PORT or service=tcp:ADDRESS:PORT",
                 value_quote(word, quote), FLEET_WEIGHT_MAX, FLEET_TIERS - 1);
        r = QHCP_E_PARSE;
    }
    return r;
}

int listed_parse(const char *text, struct listed *ret, char *words, size_t words_cap)
{
    struct listed l = {.weight = 1};
    size_t n = strcspn(text, BLANKS);
    const char *settings;
    char word[WORD];
    int r = 0;

    if (n >= sizeof l.address) {
        snprintf(words, words_cap, "\"%.80s...\": the host is longer than 253 bytes", text);
        return QHCP_E_PARSE;
    }
    memcpy(l.address, text, n);
    settings = text + n + strspn(text + n, BLANKS);
    for (text += n; r == 0 && *(text += strspn(text, BLANKS)) != '\0'; text += n) {
        n = strcspn(text, BLANKS);
        if (is_again(settings, text)) {
            snprintf(words, words_cap, "\"%.80s\": %.*s is set twice", settings,
                     (int)(strcspn(text, "=") < 20 ? strcspn(text, "=") : 20), text);
            return QHCP_E_EXISTS;
        }
        snprintf(word, sizeof word, "%.*s", (int)(n < WORD ? n : WORD), text);
        r = set(&l, word, words, words_cap);
    }
    *ret = l;
    return r;
}
