#include "admin/admin_tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "admin/admin_http.h"
#include "base/os/file.h"
#include "state/state.h"

#include <qhcp/error.h>

#define PEM_MAX (1 << 20)

static uint64_t file_stamp(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return 0;
    return (uint64_t)st.st_ino ^ (uint64_t)st.st_mtim.tv_sec << 20 ^ (uint64_t)st.st_mtim.tv_nsec;
}

uint64_t admin_tls_stamp(const struct admin *a)
{
    const struct admin_config *c = &a->config;

    return c->cert_file ? file_stamp(c->cert_file) * 31 + file_stamp(c->key_file)
                        : state_stamp(&a->tokens.state);
}

int admin_tls_load(const struct admin *a, struct admin_pair *ret, uint64_t *ret_stamp, char *words,
                   size_t words_cap)
{
    const struct admin_config *c = &a->config;
    struct admin_pair pair = {NULL, NULL};
    int r;

    *ret_stamp = admin_tls_stamp(a);
    if (!c->cert_file) {
        r = state_load_server(&a->tokens.state, &pair.cert, &pair.key, words, words_cap);
    } else {
        r = state_read_file(c->cert_file, false, PEM_MAX, &pair.cert, NULL, words, words_cap);
        if (r == 0)
            r = state_read_file(c->key_file, true, PEM_MAX, &pair.key, NULL, words, words_cap);
    }
    if (r < 0)
        admin_tls_free(&pair);
    else
        *ret = pair;
    return r;
}

void admin_tls_free(struct admin_pair *pair)
{
    free(pair->cert);
    file_wipe(pair->key, pair->key ? strlen(pair->key) : 0);
    *pair = (struct admin_pair){NULL, NULL};
}
