#include "convert/convert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "convert/cfg.h"

static int convert(const char *name, char *copy, size_t n, struct cfg *c, struct text *ret_yaml,
                   struct text *ret_notes, char *words, size_t words_cap)
{
    struct cfg_plan plan;
    const char *why = "out of memory";
    unsigned line = 0;
    size_t written;
    int r = cfg_read(copy, n, c, &line, &why);

    c->file = name;
    if (r < 0) {
        snprintf(words, words_cap, "%s:%u: %s", name, line, why);
        return r;
    }
    r = cfg_plan(c, &plan);
    if (r < 0)
        return r;
    written = cfg_write(c, &plan, ret_yaml, ret_notes);
    if (ret_yaml->failed || ret_notes->failed)
        return QHCP_E_NOMEM;
    if (written > 0)
        return 0;
    snprintf(words, words_cap, "%s: no backend has a server that QHCP can watch", name);
    return QHCP_E_NOT_FOUND;
}

int convert_haproxy(const char *name, const char *text, size_t n, struct text *ret_yaml,
                    struct text *ret_notes, char *words, size_t words_cap)
{
    struct cfg c = {.proxies = NULL};
    char *copy = malloc(n + 1);
    int r = QHCP_E_NOMEM;

    snprintf(words, words_cap, "out of memory");
    if (copy) {
        memcpy(copy, text, n);
        copy[n] = '\0';
        r = convert(name, copy, n, &c, ret_yaml, ret_notes, words, words_cap);
    }
    if (r < 0)
        text_reset(ret_yaml);
    cfg_deinit(&c);
    free(copy);
    return r;
}
