#include "base/value.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct unit {
    const char *name;
    qhcp_nsec nsec;
};

/* Greatest first: value_duration_text takes the first that gives a short number. */
static const struct unit units[] = {
    {"d", 24 * 3600 * NSEC_PER_SEC},
    {"h", 3600 * NSEC_PER_SEC},
    {"m", 60 * NSEC_PER_SEC},
    {"s", NSEC_PER_SEC},
    {"ms", NSEC_PER_MSEC},
    {"us", NSEC_PER_USEC},
    {"ns", 1},
};

const char *value_quote(const char *text, char ret[VALUE_QUOTE + 8])
{
    size_t n = utf8_clean(slice_str(text), ret + 1, VALUE_QUOTE + 1);
    bool cut = text[n] != '\0';

    ret[0] = '"';
    memcpy(ret + n + 1, cut ? "...\"" : "\"", cut ? 5 : 2);
    return ret;
}

static const struct unit *find_unit(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(units[i].name, name) == 0)
            return &units[i];
    return NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *value_decimal(const char *text, uint64_t *ret_whole, uint64_t *ret_billionths)
{
    uint64_t whole = 0, part = 0, digit = 100000000;
    const char *p = text;

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

uint64_t value_scale(uint64_t whole, uint64_t billionths, uint64_t factor)
{
    unsigned __int128 n = (unsigned __int128)whole * factor;

    n += (unsigned __int128)billionths * factor / 1000000000;
    return n > UINT64_MAX ? UINT64_MAX : (uint64_t)n;
}

bool value_time(const char *text, qhcp_nsec bare, qhcp_nsec *ret)
{
    uint64_t whole, billionths;
    const char *end = value_decimal(text, &whole, &billionths);
    const struct unit *unit = end && *end != '\0' ? find_unit(end) : NULL;

    if (!end || (*end != '\0' && !unit))
        return false;
    *ret = nsec_min(value_scale(whole, billionths, unit ? unit->nsec : bare), NSEC_NEVER - 1);
    return true;
}

int value_duration(const char *text, qhcp_nsec min, qhcp_nsec max, qhcp_nsec *ret, char *words,
                   size_t words_cap)
{
    char quote[VALUE_QUOTE + 8], low[32], high[32];
    qhcp_nsec value;

    value_duration_text(min, low, sizeof low);
    value_duration_text(max, high, sizeof high);
    if (!value_time(text, NSEC_PER_SEC, &value)) {
        snprintf(words, words_cap,
                 "%s is not a duration: write seconds (10) or a unit (250ms, 1.5s, 2m), %s to %s",
                 value_quote(text, quote), low, high);
        return QHCP_E_PARSE;
    }
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
        snprintf(words, words_cap, "%s is not a %s: expected a whole number from %llu to %llu",
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
    snprintf(words, words_cap, "%s is not true or false", value_quote(text, quote));
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
