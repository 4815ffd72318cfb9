/* `qhcp lb --from-haproxy`: the configuration of another program, printed as one of ours. */
#include <stdio.h>
#include <stdlib.h>

#include "base/os/file.h"
#include "conf/args.h"
#include "convert/convert.h"
#include "daemon/lb_options.h"

#define WORDS 700

static int convert(const char *path, struct text *yaml, struct text *notes, char *words,
                   size_t words_cap)
{
    const struct words w = {words, words_cap};
    char *text;
    size_t n;
    int r = file_read(path, true, CONVERT_MAX, &text, &n, &w);

    if (r < 0)
        return r;
    r = convert_haproxy(path, text, n, yaml, notes, words, words_cap);
    free(text);
    return r;
}

int lb_options_convert(const struct options *options)
{
    const struct lb_options *o = (const struct lb_options *)options;
    struct text yaml = {0}, notes = {0};
    char words[WORDS];
    int r = convert(o->from_haproxy, &yaml, &notes, words, sizeof words);

    if (r == 0 && notes.n > 0)
        fputs(notes.at, stderr);
    if (r < 0)
        fprintf(stderr, "qhcp lb: %s\n", words);
    else if (fputs(yaml.at, stdout) == EOF || fflush(stdout) == EOF)
        r = QHCP_E_IO;
    text_deinit(&yaml);
    text_deinit(&notes);
    return r == 0 ? ARGS_OK : ARGS_FAILURE;
}
