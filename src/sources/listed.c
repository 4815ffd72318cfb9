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

enum setting { WEIGHT, PRIORITY, SERVICE, SETTINGS };

/* Which one "KEY=VALUE" is; SETTINGS: none. */
static enum setting setting_of(const char *word, const char **ret_value)
{
    static const char *const keys[SETTINGS] = {"weight=", "priority=", "service="};
    enum setting s = WEIGHT;

    while (s < SETTINGS && strncmp(word, keys[s], strlen(keys[s])) != 0)
        s++;
    *ret_value = s < SETTINGS ? word + strlen(keys[s]) : NULL;
    return s;
}

static int set(struct listed *l, const char *word, unsigned *seen, char *words, size_t words_cap)
{
    const char *value;
    enum setting s = setting_of(word, &value);
    char quote[VALUE_QUOTE + 8];
    uint64_t number = 0;
    int r;

    if (s == SETTINGS) {
        snprintf(words, words_cap,
                 "%s is not a setting of a server: use weight=1 to %d, priority=0 to %d, "
                 "service=tcp:PORT or service=tcp:ADDRESS:PORT",
                 value_quote(word, quote), FLEET_WEIGHT_MAX, FLEET_TIERS - 1);
        return QHCP_E_PARSE;
    }
    if (*seen & 1u << s) {
        snprintf(words, words_cap, "%s: %.*s is set twice", value_quote(word, quote),
                 (int)(value - word - 1), word);
        return QHCP_E_EXISTS;
    }
    *seen |= 1u << s;
    if (s == SERVICE)
        return listed_service(value, &l->service, &l->port, words, words_cap);
    if (s == WEIGHT)
        r = value_count(value, "weight", 1, FLEET_WEIGHT_MAX, &number, words, words_cap);
    else
        r = value_count(value, "priority", 0, FLEET_TIERS - 1, &number, words, words_cap);
    *(s == WEIGHT ? &l->weight : &l->priority) = (unsigned)number;
    return r;
}

int listed_parse(const char *text, struct listed *ret, char *words, size_t words_cap)
{
    struct listed l = {.weight = 1};
    size_t n = strcspn(text, BLANKS);
    char word[WORD], quote[VALUE_QUOTE + 8];
    unsigned seen = 0;
    int r = 0;

    if (n >= sizeof l.address) {
        snprintf(words, words_cap, "%s: the host is longer than 253 bytes",
                 value_quote(text, quote));
        return QHCP_E_PARSE;
    }
    memcpy(l.address, text, n);
    for (text += n; r == 0 && *(text += strspn(text, BLANKS)) != '\0'; text += n) {
        n = strcspn(text, BLANKS);
        snprintf(word, sizeof word, "%.*s", (int)(n < WORD ? n : WORD), text);
        r = set(&l, word, &seen, words, words_cap);
    }
    *ret = l;
    return r;
}
