/* The configuration file, durations and lists of servers on hostile text.
 *
 * The first byte chooses the command whose options the rest, as YAML, may set.  Besides memory and
 * undefined behaviour: a refusal has words; what is taken keeps its limits; the same text is a
 * list, an address and a duration, and a duration that is taken reads back from its own writing. */
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "cli/check_options.h"
#include "conf/print.h"
#include "conf/yaml.h"
#include "daemon/lb_options.h"
#include "daemon/server_options.h"
#include "sources/servers.h"

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

union values {
    struct options head;
    struct lb_options lb;
    struct server_options server;
    struct check_options check;
};

static void check_limits(const union values *values)
{
    const struct options *o = &values->head;

    for (size_t i = 0; i < o->table->n; i++) {
        const struct options_row *row = &o->table->rows[i];
        const void *v = (const char *)values + row->offset;
        const uint64_t *number = v;
        const struct list *list = v;

        if (!o->set[i])
            continue;
        if (row->kind == OPTIONS_DURATION || row->kind == OPTIONS_NUMBER)
            must(*number >= row->min && *number <= row->max);
        if (options_repeatable(row))
            must(list->n <= row->max);
    }
}

/* What is in force can be printed and read again.  (libyaml refuses characters that may be written
 * as an escape.) */
static void print_again(const struct options *o)
{
    struct faults f = {.n = 0};
    struct text t = {0};
    union values again;
    bool plain = true;

    print_options(o, &t);
    for (size_t i = 0; i < t.n; i++)
        plain = plain && t.at[i] > 0;
    options_init(&again.head, o->table);
    again.head.no_files = true;
    must(yaml_parse("again.yaml", t.at, t.n, &again.head, &f) == 0 || !plain);
    for (size_t i = 0; i < o->table->n && plain; i++)
        must(!options_differ(o, &again.head, &o->table->rows[i]));
    options_deinit(&again.head);
    faults_deinit(&f);
    text_deinit(&t);
}

static void try_config(const struct options_table *table, const char *text, size_t n)
{
    struct faults f = {.n = 0};
    union values o;
    size_t told;

    options_init(&o.head, table);
    o.head.no_files = true;
    if (yaml_parse("fuzz.yaml", text, n, &o.head, &f) < 0)
        must(f.n > 0);
    else
        must(f.n == 0);
    check_limits(&o);
    if (f.n == 0)
        print_again(&o.head);
    told = f.n;
    must((options_check(&o.head, &f) < 0) == (f.n > told));
    must(f.n == 0 || faults_text(&f)[0] != '\0');
    faults_deinit(&f);
    options_deinit(&o.head);
}

static void try_duration(const char *text)
{
    char words[300], again[32];
    qhcp_nsec d, e;

    if (value_duration(text, NSEC_PER_MSEC, 24 * 3600 * NSEC_PER_SEC, &d, words, sizeof words) < 0)
        return;
    value_duration_text(d, again, sizeof again);
    must(value_duration(again, d, d, &e, words, sizeof words) == 0 && e == d);
}

static void try_list(const char *text, const char *all, size_t n)
{
    struct faults f = {.n = 0};
    struct list l = {0};

    if (list_parse(&l, text, LIST_TEXT_ONLY, NULL, &f) == 0)
        must(l.n > 0);
    (void)list_parse_lines(&l, "fuzz.txt", all, n, &f);
    (void)servers_check(&l, "servers", &f);
    faults_deinit(&f);
    list_deinit(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct options_table *const commands[] = {&lb_options_table, &server_options_table,
                                                           &check_options_table};
    char text[TEXT_MAX + 1], *copy;

    if (size == 0)
        return 0;
    size_t n = size - 1 < TEXT_MAX ? size - 1 : TEXT_MAX;
    memcpy(text, data + 1, n);
    text[n] = '\0';
    copy = malloc(size); /* of its exact size, so that reading past it is seen */
    must(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    try_config(commands[data[0] % 3], copy, size - 1);
    try_duration(text);
    try_list(text, copy, size - 1);
    free(copy);
    return 0;
}
