/* list: servers as --servers has them, with commas between, in the words of the source itself. */
#include <stdio.h>

#include "sources/source_kind.h"

static int parse(const struct source_spec *spec, struct list *ret, char *words, size_t words_cap)
{
    struct faults f = {.n = 0};
    int r = 0;

    *ret = (struct list){0};
    for (size_t i = 0; i < spec->argc && r == 0; i++)
        r = list_parse(ret, spec->argv[i], LIST_TEXT_ONLY, NULL, &f);
    source_words(&f, words, words_cap);
    return r;
}

static int check(const struct source_spec *spec, char *words, size_t words_cap)
{
    struct list l;
    int r = parse(spec, &l, words, words_cap);

    if (r == 0)
        r = source_check(&l, words, words_cap);
    list_deinit(&l);
    return r;
}

static int begin(struct source *s, qhcp_nsec now)
{
    (void)s, (void)now;
    return 0;
}

static void look(struct source *s, qhcp_nsec now)
{
    char words[SOURCE_WORDS];
    struct list l;

    if (parse(&s->spec, &l, words, sizeof words) == 0)
        source_yield(s, now, &l);
    list_deinit(&l);
}

static void end(struct source *s)
{
    (void)s;
}

const struct source_kind kind_list = {.name = "list",
                                      .usage = "list HOST:PORT[,HOST:PORT ...]",
                                      .arguments = SOURCE_ARGUMENTS,
                                      .check = check,
                                      .begin = begin,
                                      .look = look,
                                      .end = end};
