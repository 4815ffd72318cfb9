/* Configurations of HAProxy, converted (src/convert).
 *
 * Input: any text.  Besides memory and undefined behaviour: a refusal has words; what is written is
 * ASCII, and a configuration of `qhcp lb` without an error; each note has its place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/yaml.h"
#include "convert/convert.h"
#include "daemon/lb_options.h"

#define NAME "haproxy.cfg"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_yaml(const struct text *yaml)
{
    struct faults f = {.n = 0};
    struct lb_options o;

    options_init(&o.head, &lb_options_table);
    o.head.no_files = true;
    must(yaml_parse("qhcp.yaml", yaml->at, yaml->n, &o.head, &f) == 0);
    must(options_check(&o.head, &f) == 0);
    must(o.servers.n + o.sources.n > 0);
    faults_deinit(&f);
    options_deinit(&o.head);
}

static void check_notes(const struct text *notes)
{
    for (const char *p = notes->at; p && *p != '\0'; p = strchr(p, '\n') + 1)
        must(strncmp(p, NAME ":", strlen(NAME ":")) == 0);
}

static void check_ascii(const struct text *t)
{
    for (size_t i = 0; i < t->n; i++)
        must(t->at[i] == '\n' || (t->at[i] >= ' ' && t->at[i] <= '~'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text yaml = {0}, notes = {0};
    char words[300] = "", *copy = malloc(size > 0 ? size : 1);

    must(copy != NULL);
    memcpy(copy, data, size);
    if (convert_haproxy(NAME, copy, size, &yaml, &notes, words, sizeof words) == 0) {
        check_ascii(&yaml);
        check_ascii(&notes);
        check_notes(&notes);
        check_yaml(&yaml);
    } else {
        must(words[0] != '\0' && yaml.n == 0);
    }
    text_deinit(&yaml);
    text_deinit(&notes);
    free(copy);
    return 0;
}
