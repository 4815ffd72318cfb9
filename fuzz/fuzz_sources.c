/* Where servers come from, on hostile text.  The first byte chooses: 's' the words of a source, 'j'
 * Prometheus' file_sd JSON, else the lines of a list, of which a line "--" begins the next one.
 *
 * Besides memory and undefined behaviour: a refusal has words; what is taken is servers; two lists
 * differ by what the difference says, and a list does not differ from itself.
 *
 * ./run_quic.sh fuzz */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "sources/listed.h"
#include "sources/sd.h"
#include "sources/servers.h"
#include "sources/source_kind.h"
#include "sources/source_spec.h"
#include "sources/union.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void words_of_a_source(const char *text)
{
    struct source_spec spec;
    char words[400] = "";
    int r = source_spec_parse(text, &spec, words, sizeof words);

    must(r == 0 || words[0] != '\0');
    must(r == 0 || utf8_printable(slice_str(words)));
    must(source_spec_check(text, words, sizeof words) == r);
    if (r != 0)
        return;
    must(spec.kind != NULL && spec.argc >= 1 && spec.argc <= spec.kind->arguments);
    must(spec.argv[spec.argc] == NULL);
    for (size_t i = 0; i < spec.argc; i++)
        must(spec.argv[i] >= spec.text && spec.argv[i] < spec.text + SOURCE_TEXT);
    must(spec.name[0] != '\0' && utf8_printable(slice_str(spec.name)));
    must((spec.kind->settings & SOURCE_SET_EVERY) == 0 || spec.every > 0);
}

static void targets(const char *json, size_t n)
{
    struct list l = {0};
    char words[400] = "";
    struct listed listed;
    struct faults f = {.n = 0};
    int r = sd_parse("targets.json", json, n, &l, words, sizeof words);

    must(r == 0 || strncmp(words, "targets.json", 12) == 0 || r == QHCP_E_NOMEM);
    for (size_t i = 0; i < l.n && r == 0; i++)
        must(listed_parse(l.at[i], &listed, words, sizeof words) == 0);
    must(r != 0 || servers_check(&l, "x", &f) == 0);
    faults_deinit(&f);
    list_deinit(&l);
}

/* Entries that are none are left out, as where they are checked one by one. */
static struct united unite(const char *text, size_t n)
{
    struct faults f = {.n = 0};
    struct list l = {0};
    struct united u;

    must(united_init(&u) == 0);
    must((list_parse_lines(&l, "servers", text, n, &f) == 0) == (f.n == 0));
    must((f.n == 0) == (faults_text(&f)[0] == '\0'));
    must(united_add(&u, "file servers", &l) == 0);
    united_complete(&u);
    must(united_count(&u) <= l.n);
    faults_deinit(&f);
    list_deinit(&l);
    return u;
}

static void difference(const struct united *from, const struct united *to)
{
    struct list added = {0}, changed = {0}, removed = {0};

    must(united_difference(from, to, &added, &changed, &removed) == 0);
    must(united_count(from) + added.n - removed.n == united_count(to));
    must(changed.n <= united_count(to) - added.n);
    must(from != to || added.n + changed.n + removed.n == 0);
    list_deinit(&added);
    list_deinit(&changed);
    list_deinit(&removed);
}

static void lines(const char *text, size_t n)
{
    const char *split = memmem(text, n, "\n--\n", 4);
    size_t first = split ? (size_t)(split - text) : n;
    struct united a = unite(text, first),
                  b = unite(split ? split + 4 : "", split ? n - first - 4 : 0);

    difference(&a, &b);
    difference(&b, &a);
    difference(&a, &a);
    united_deinit(&a);
    united_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size > 0 ? size - 1 : 0;
    char *text = malloc(n + 1);

    must(text != NULL);
    if (n > 0)
        memcpy(text, data + 1, n);
    text[n] = '\0';
    if (size > 0 && data[0] == 's')
        words_of_a_source(text);
    else if (size > 0 && data[0] == 'j')
        targets(text, n);
    else
        lines(text, n);
    free(text);
    return 0;
}
