#include "sources/listed.h"

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/value.h"
#include "conf/nearest.h"
#include "fleet/fleet.h"

#define BLANKS " \t"
#define WORD (LISTED_TAGS + 20) /* a longer one is no setting, whatever it is cut to */

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

/* Is it a word of 1 to LISTED_NAME letters, digits and `more`, and the first of these no `more`? */
static bool is_name(const char *text, size_t n, const char *more)
{
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && (i == 0 || !strchr(more, text[i])))
            return false;
    return n > 0 && n <= LISTED_NAME;
}

static int set_name(struct listed *l, const char *value, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    if (!is_name(value, strlen(value), "._-")) {
        snprintf(words, words_cap,
                 "%s is not a name: use 1 to %d of A-Z a-z 0-9 . _ -, a letter or a digit first",
                 value_quote(value, quote), LISTED_NAME);
        return QHCP_E_PARSE;
    }
    snprintf(l->name, sizeof l->name, "%s", value);
    return 0;
}

static int set_tags(struct listed *l, const char *value, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    if (strlen(value) > LISTED_TAGS) {
        snprintf(words, words_cap, "the tags are longer than %d bytes", LISTED_TAGS);
        return QHCP_E_FULL;
    }
    for (const char *tag = value;; tag++) {
        size_t n = strcspn(tag, "|");

        if (!is_name(tag, n, "._-:=/")) {
            snprintf(words, words_cap,
                     "%s: a tag is 1 to %d of A-Z a-z 0-9 . _ - : = /, a letter or a digit first, "
                     "with | between two",
                     value_quote(value, quote), LISTED_NAME);
            return QHCP_E_PARSE;
        }
        tag += n;
        if (*tag == '\0')
            break;
    }
    snprintf(l->tags, sizeof l->tags, "%s", value);
    return 0;
}

static int set_number(unsigned *ret, const char *what, unsigned most, const char *value,
                      char *words, size_t words_cap)
{
    uint64_t number = 0;
    int r = value_count(value, what, 0, most, &number, words, words_cap);

    *ret = (unsigned)number;
    return r;
}

static int set_weight(struct listed *l, const char *value, char *words, size_t words_cap)
{
    return set_number(&l->weight, "weight", FLEET_WEIGHT_MAX, value, words, words_cap);
}

static int set_priority(struct listed *l, const char *value, char *words, size_t words_cap)
{
    return set_number(&l->priority, "priority", FLEET_TIERS - 1, value, words, words_cap);
}

static int set_service(struct listed *l, const char *value, char *words, size_t words_cap)
{
    return listed_service(value, &l->service, &l->port, words, words_cap);
}

static int set_interval(qhcp_nsec *ret, const char *value, char *words, size_t words_cap)
{
    return value_duration(value, LIMIT_INTERVAL_MIN_US * NSEC_PER_USEC,
                          LIMIT_INTERVAL_MAX_US * NSEC_PER_USEC, ret, words, words_cap);
}

static int set_liveness_interval(struct listed *l, const char *value, char *words, size_t words_cap)
{
    return set_interval(&l->liveness, value, words, words_cap);
}

static int set_check_interval(struct listed *l, const char *value, char *words, size_t words_cap)
{
    return set_interval(&l->check, value, words, words_cap);
}

static int set_liveness(struct listed *l, const char *value, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    l->ask = strcmp(value, "ask") == 0;
    l->listen = strcmp(value, "listen") == 0;
    if (l->ask || l->listen)
        return 0;
    snprintf(words, words_cap, "%s is not a way to check: use ask or listen",
             value_quote(value, quote));
    return QHCP_E_ARG;
}

static int set_probe(struct listed *l, const char *value, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    uint64_t port = 0;

    l->probe = strcmp(value, "off") == 0 ? LISTED_NO_PROBE : LISTED_PROBE;
    l->probe_port = 0;
    if (l->probe == LISTED_NO_PROBE || strcmp(value, "tcp") == 0)
        return 0;
    if (strncmp(value, "tcp:", 4) != 0 ||
        value_count(value + 4, "port", 1, 65535, &port, words, words_cap) < 0) {
        snprintf(words, words_cap, "%s is not a probe: use off, tcp or tcp:PORT",
                 value_quote(value, quote));
        return QHCP_E_PARSE;
    }
    l->probe_port = (uint16_t)port;
    return 0;
}

#define SETTINGS (sizeof setters / sizeof setters[0])

/* A setting more is a name and its setter in the same place, and a field of struct listed. */
const char *const listed_settings[] = {
    "name",           "tags",  "weight", "priority", "service", "liveness", "liveness-interval",
    "check-interval", "probe", NULL};
static int (*const setters[])(struct listed *, const char *, char *,
                              size_t) = {set_name,
                                         set_tags,
                                         set_weight,
                                         set_priority,
                                         set_service,
                                         set_liveness,
                                         set_liveness_interval,
                                         set_check_interval,
                                         set_probe};
static_assert(sizeof listed_settings / sizeof listed_settings[0] == SETTINGS + 1, "");

/* The setting of this name; SETTINGS: none. */
static size_t setting_of(const char *name, size_t n)
{
    size_t i = 0;

    while (i < SETTINGS &&
           (strlen(listed_settings[i]) != n || memcmp(listed_settings[i], name, n) != 0))
        i++;
    return i;
}

static int refuse_setting(const char *word, size_t n, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], name[VALUE_QUOTE], nearest[NEAREST_WORDS];
    struct nearest find = {.word = name};

    snprintf(name, sizeof name, "%.*s", (int)(n < VALUE_QUOTE ? n : VALUE_QUOTE), word);
    for (size_t i = 0; i < SETTINGS; i++)
        nearest_offer(&find, listed_settings[i]);
    snprintf(words, words_cap, "%s is not a setting of a server%s%s", value_quote(word, quote),
             nearest_words(&find, nearest),
             find.name
                 ? ""
                 : ": use name=, tags=A|B, weight=0 to 1000, priority=0 to 15, "
                   "service=tcp:PORT or tcp:ADDRESS:PORT, liveness=ask|listen, liveness-interval=, "
                   "check-interval= or probe=off|tcp|tcp:PORT");
    return QHCP_E_PARSE;
}

/* A word of "KEY=VALUE". */
static int set(struct listed *l, const char *word, unsigned *seen, char *words, size_t words_cap)
{
    size_t n = strcspn(word, "="), s = setting_of(word, n);
    char quote[VALUE_QUOTE + 8];

    if (s == SETTINGS || word[n] == '\0')
        return refuse_setting(word, n, words, words_cap);
    if (*seen & 1u << s) {
        snprintf(words, words_cap, "%s: %s is set twice", value_quote(word, quote),
                 listed_settings[s]);
        return QHCP_E_EXISTS;
    }
    *seen |= 1u << s;
    return setters[s](l, word + n + 1, words, words_cap);
}

int listed_check_setting(const char *setting, const char *value, char *words, size_t words_cap)
{
    struct listed ignored = {.weight = 1};
    size_t s = setting_of(setting, strlen(setting));

    return s < SETTINGS ? setters[s](&ignored, value, words, words_cap) : QHCP_E_PARSE;
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

int listed_check(const char *text, char *words, size_t words_cap)
{
    struct address address;
    struct listed l;
    int r = listed_parse(text, &l, words, words_cap);

    return r == 0 ? address_parse(l.address, &address, words, words_cap) : r;
}
