#include "base/value.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    qhcp_nsec nsec;
};

/* Greatest first: value_duration_text takes the first that gives a short number. */
static const struct unit units[] = {
    {"h", 3600 * NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC}, {"s", NSEC_PER_SEC},
    {"ms", NSEC_PER_MSEC},      {"us", NSEC_PER_USEC},    {"ns", 1},
};

const char *value_quote(const char *text, char ret[VALUE_QUOTE + 8])
{
    size_t n = strnlen(text, VALUE_QUOTE + 1);
    bool cut = n > VALUE_QUOTE;
    size_t at = 0;

    if (cut) {
        n = VALUE_QUOTE;
        while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--; /* not in the middle of a character */
    }
    ret[at++] = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        ret[at++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    memcpy(ret + at, cut ? "...\"" : "\"", cut ? 5 : 2);
    return ret;
}

static const struct unit *find_unit(const char *name)
{
    if (name[0] == '\0')
        name = "s";
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits, perhaps a point and more digits: whole and billionths.  The first byte after them, or
 * NULL where there is no number.  A whole part too large for any duration sticks at UINT64_MAX. */
static const char *read_decimal(const char *p, uint64_t *ret_whole, uint64_t *ret_billionths)
{
    uint64_t whole = 0, part = 0, digit = 100000000;

    if (!is_digit(*p))
        return NULL;
    for (; is_digit(*p); p++) {
        uint64_t d = (uint64_t)(*p - '0');
        whole = whole > (UINT64_MAX - d) / 10 ? UINT64_MAX : whole * 10 + d;
    }
    if (*p == '.') {
        if (!is_digit(*++p))
            return NULL;
        for (; is_digit(*p); p++, digit /= 10)
            part += digit * (uint64_t)(*p - '0');
    }
    *ret_whole = whole;
    *ret_billionths = part;
    return p;
}

static qhcp_nsec scale(uint64_t whole, uint64_t billionths, qhcp_nsec unit)
{
    unsigned __int128 ns = (unsigned __int128)whole * unit;

    ns += (unsigned __int128)billionths * unit / NSEC_PER_SEC;
    return ns > NSEC_NEVER - 1 ? NSEC_NEVER - 1 : (qhcp_nsec)ns;
}

int value_duration(const char *text, qhcp_nsec min, qhcp_nsec max, qhcp_nsec *ret, char *words,
                   size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], low[32], high[32];
    uint64_t whole, billionths;
    const char *end = read_decimal(text, &whole, &billionths);
    const struct unit *unit = end ? find_unit(end) : NULL;

    value_duration_text(min, low, sizeof low);
    value_duration_text(max, high, sizeof high);
    if (!unit) {
        snprintf(words, words_cap,
                 "%s is not a duration: write seconds (10) or a unit (250ms, 1.5s, 2m), %s to %s",
                 value_quote(text, quote), low, high);
        return QHCP_E_PARSE;
    }
    qhcp_nsec value = scale(whole, billionths, unit->nsec);
    if (value < min || value > max) {
        snprintf(words, words_cap, "%s is out of range: %s to %s are allowed",
                 value_quote(text, quote), low, high);
        return QHCP_E_ARG;
    }
    *ret = value;
    return 0;
}

int value_count(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *ret,
                char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    uint64_t value = 0;
    const char *p = text;

    for (; is_digit(*p); p++) {
        uint64_t d = (uint64_t)(*p - '0');
        value = value > (UINT64_MAX - d) / 10 ? UINT64_MAX : value * 10 + d;
    }
    if (p == text || *p != '\0') {
        snprintf(words, words_cap, "%s is not a %s: a whole number from %llu to %llu is wanted",
                 value_quote(text, quote), what, (unsigned long long)min, (unsigned long long)max);
        return QHCP_E_PARSE;
    }
    if (value < min || value > max) {
        snprintf(words, words_cap, "%s is out of range: a %s is %llu to %llu",
                 value_quote(text, quote), what, (unsigned long long)min, (unsigned long long)max);
        return QHCP_E_ARG;
    }
    *ret = value;
    return 0;
}

int value_switch(const char *text, bool *ret, char *words, size_t words_cap)
{
    static const char *const yes[] = {"true", "yes", "on"}, *const no[] = {"false", "no", "off"};
    char quote[VALUE_QUOTE + 8];

    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret = strcmp(text, yes[i]) == 0;
            return 0;
        }
    }
    snprintf(words, words_cap, "%s is neither true nor false", value_quote(text, quote));
    return QHCP_E_PARSE;
}

void value_duration_text(qhcp_nsec duration, char *ret, size_t cap)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        qhcp_nsec unit = units[i].nsec;
        if (duration >= unit && duration % unit == 0) {
            snprintf(ret, cap, "%llu%s", (unsigned long long)(duration / unit), units[i].name);
            return;
        }
        if (duration >= unit && unit >= 10 && unit <= NSEC_PER_SEC && duration % (unit / 10) == 0) {
            snprintf(ret, cap, "%llu.%llu%s", (unsigned long long)(duration / unit),
                     (unsigned long long)(duration % unit / (unit / 10)), units[i].name);
            return;
        }
    }
    snprintf(ret, cap, "0s");
}
