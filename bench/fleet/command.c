#include "command.h"

#include <stdio.h>
#include <string.h>

#include "base/value.h"

#include <qhcp/error.h>

#define BLANKS " \t\r"
#define WHOLE 10000 /* hundredths of a percent */

static const struct {
    const char *name;
    bool value;
} verbs[] = {
    [COMMAND_SILENT] = {"silent", false},   [COMMAND_CLOSE] = {"close", false},
    [COMMAND_DEGRADE] = {"degrade", false}, [COMMAND_DRAIN] = {"drain", false},
    [COMMAND_RESTART] = {"restart", false}, [COMMAND_SLOW] = {"slow", true},
    [COMMAND_SET] = {"set", true},          [COMMAND_BACK] = {"back", false},
    [COMMAND_LIST] = {"list", false},       [COMMAND_STATS] = {"stats", false},
    [COMMAND_QUIT] = {"quit", false},
};
#define VERBS (sizeof verbs / sizeof verbs[0])

bool command_has(const struct command_which *which, unsigned number)
{
    unsigned long long i = number;

    if (which->share > 0)
        return i * which->share / WHOLE > (i - 1) * which->share / WHOLE;
    for (size_t k = 0; k < which->n; k++)
        if (number >= which->ranges[k].first && number <= which->ranges[k].last)
            return true;
    return false;
}

static int refuse(const char *text, const char *why, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];

    snprintf(words, words_cap, "%s %s", value_quote(text, quote), why);
    return QHCP_E_PARSE;
}

static int parse_share(const char *text, struct command_which *ret, char *words, size_t words_cap)
{
    uint64_t whole, billionths, share = UINT64_MAX;
    const char *end = value_decimal(text, &whole, &billionths);

    if (end && strcmp(end, "%") == 0)
        share = value_scale(whole, billionths, 100);
    if (share == 0 || share > WHOLE)
        return refuse(text, "is not a share of the servers: use 0.01% to 100%", words, words_cap);
    ret->share = (unsigned)share;
    return 0;
}

static int parse_range(char *text, unsigned servers, struct command_which *which, char *words,
                       size_t words_cap)
{
    char *dash = strchr(text, '-');
    uint64_t first, last;
    int r;

    if (which->n == COMMAND_RANGES) {
        snprintf(words, words_cap, "more than %d ranges", COMMAND_RANGES);
        return QHCP_E_ARG;
    }
    if (dash)
        *dash = '\0';
    r = value_count(text, "server", 1, servers, &first, words, words_cap);
    last = first;
    if (r == 0 && dash)
        r = value_count(dash + 1, "server", first, servers, &last, words, words_cap);
    if (r < 0)
        return r;
    which->ranges[which->n].first = (unsigned)first;
    which->ranges[which->n++].last = (unsigned)last;
    return 0;
}

static int parse_which(char *text, unsigned servers, struct command_which *ret, char *words,
                       size_t words_cap)
{
    char *range;
    int r = 0;

    if (!text || strcmp(text, "all") == 0) {
        ret->n = 1;
        ret->ranges[0].first = 1;
        ret->ranges[0].last = servers;
        return 0;
    }
    if (strchr(text, '%'))
        return parse_share(text, ret, words, words_cap);
    while (r == 0 && (range = strsep(&text, ",")))
        r = parse_range(range, servers, ret, words, words_cap);
    return r;
}

static int parse_value(const char *text, struct command *c, char *words, size_t words_cap)
{
    const char *name = verbs[c->verb].name;

    if (!text) {
        snprintf(words, words_cap, "%s needs a value: %s", name,
                 c->verb == COMMAND_SLOW ? "slow 50ms 1-10" : "set cpu_usage_percent=93 1-10");
        return QHCP_E_PARSE;
    }
    if (c->verb == COMMAND_SLOW)
        return value_duration(text, 0, COMMAND_SLOW_MAX, &c->delay, words, words_cap);
    if (strlen(text) >= sizeof c->value)
        return refuse(text, "is too long", words, words_cap);
    memcpy(c->value, text, strlen(text) + 1);
    return 0;
}

int command_parse(const char *line, unsigned servers, struct command *ret, char *words,
                  size_t words_cap)
{
    struct command c = {.verb = COMMAND_SILENT};
    char copy[COMMAND_LINE], *rest = copy, *word, *which;
    size_t verb = 0;
    int r = 0;

    if (strlen(line) >= sizeof copy)
        return refuse(line, "is too long", words, words_cap);
    memcpy(copy, line, strlen(line) + 1);
    word = strtok_r(copy, BLANKS, &rest);
    if (!word || *word == '#')
        return 0;
    while (verb < VERBS && strcmp(verbs[verb].name, word) != 0)
        verb++;
    if (verb == VERBS)
        return refuse(word,
                      "is not a command: use silent, close, degrade, drain, restart, slow, "
                      "set, back, list, stats or quit",
                      words, words_cap);
    c.verb = (enum command_verb)verb;
    c.name = verbs[verb].name;
    if (verbs[verb].value)
        r = parse_value(strtok_r(NULL, BLANKS, &rest), &c, words, words_cap);
    which = strtok_r(NULL, BLANKS, &rest);
    if (r == 0)
        r = parse_which(which, servers, &c.which, words, words_cap);
    word = strtok_r(NULL, BLANKS, &rest);
    if (r == 0 && word)
        r = refuse(word, "is too much: ranges are written without blanks (1-100,200)", words,
                   words_cap);
    if (r < 0)
        return r;
    *ret = c;
    return 1;
}
