#include "cli/check_options.h"

#include "cli/check_rules.h"

static int check_rule(const char *text, char *words, size_t words_cap)
{
    struct threshold ignored;

    return check_rules_parse(text, &ignored, words, words_cap);
}

static void check(const struct options *options, struct faults *f)
{
    const struct check_options *o = (const struct check_options *)options;

    options_check_pair(options, &o->client_cert, &o->client_key, f);
}

#define ROW(...) OPTIONS_ROW(struct check_options, __VA_ARGS__)
static const struct options_row rows[] = {CHECK_OPTIONS(ROW)};

const struct options_table check_options_table = OPTIONS_TABLE(struct check_options, check);
