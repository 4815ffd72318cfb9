/* The state directory's front: finds it, has it made and checked under the lock, hands it out. */
#include "state/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <qhcp/error.h>

#include "base/os/file.h"
#include "base/words.h"
#include "state/lock.h"
#include "state/make.h"
#include "state/owner.h"
#include "state/pki.h"
#include "state/stored.h"
#include "state/ticket.h"

/* Under the lock: makes, checks and renews everything in s->dir. */
static int bring_up(struct state *s, int64_t now, const struct words *w)
{
    struct names *host = calloc(1, sizeof *host);
    const struct make m = {.dir = s->dir, .host = host, .now = now, .w = w};
    size_t left_out;
    int fd, error = host ? lock_take(s->dir, &fd, w) : words_fail(w, QHCP_E_NOMEM, "out of memory");

    if (!error) {
        left_out = names_of_host(host);
        error = make_all(&m, s);
        if (!error && !s->imported && left_out > 0 && s->notice[0] == '\0')
            snprintf(
                s->notice, sizeof s->notice,
                "%zu addresses of this machine are not in its certificate, which holds %d names: "
                "let load balancers use a name, or run `qhcp keys export --server ADDRESS`",
                left_out, NAMES_MAX);
        if (!error)
            ticket_prune(s->dir, now);
        lock_drop(fd);
    }
    free(host);
    return error;
}

int state_open_at(struct state *ret, int64_t now, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct state s = {.imported = false};
    int error = lock_find(s.dir, sizeof s.dir, &w);

    if (!error)
        error = bring_up(&s, now, &w);
    if (!error)
        *ret = s;
    state_close(&s);
    return error;
}

int state_open(struct state *ret, char *words, size_t words_cap)
{
    return state_open_at(ret, time(NULL), words, words_cap);
}

int state_find(struct state *ret, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct state s = {.imported = false};
    struct stored_origin origin = {0};
    int error = lock_find(s.dir, sizeof s.dir, &w);

    if (!error)
        error = lock_check_dir(s.dir, geteuid() == 0, &w);
    if (!error)
        error = stored_origin(s.dir, &origin, &w);
    if (error)
        return error;
    s.imported = origin.server || origin.lb;
    *ret = s;
    return 0;
}

int state_as_owner(char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};

    return owner_become(&w);
}

int state_renew(struct state *s, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct state fresh = {.imported = false};
    int error;

    memcpy(fresh.dir, s->dir, sizeof fresh.dir);
    error = bring_up(&fresh, time(NULL), &w);
    if (!error) {
        s->imported = fresh.imported;
        memcpy(s->notice, fresh.notice, sizeof s->notice);
    }
    state_close(&fresh);
    return error;
}

void state_close(struct state *s)
{
    gnutls_memset(s->secret, 0, sizeof s->secret);
}

void state_path(const struct state *s, const char *name, char *ret, size_t cap)
{
    snprintf(ret, cap, "%s/%s", s->dir, name);
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
    hash ^= v + UINT64_C(0x9e3779b97f4a7c15) + (hash << 6) + (hash >> 2);
    return hash;
}

uint64_t state_stamp(const struct state *s)
{
    static const char *const names[] = {STATE_CA,        STATE_CERT,          STATE_KEY,
                                        STATE_TOKEN_KEY, STATE_TOKEN_KEY_OLD, STATE_CHECK_KEY,
                                        STATE_TRUST,     STATE_REVOKED,       STATE_ADMIN_KEY};
    uint64_t hash = 0;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[STATE_PATH];
        struct stat st;

        state_path(s, names[i], path, sizeof path);
        if (stat(path, &st) != 0) {
            hash = mix(hash, 1);
            continue;
        }
        hash = mix(hash, (uint64_t)st.st_ino);
        hash = mix(hash, (uint64_t)st.st_size);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_sec);
        hash = mix(hash, (uint64_t)st.st_mtim.tv_nsec);
    }
    return hash;
}

bool state_busy(const struct state *s)
{
    const struct words silent = {NULL, 0};
    int fd, error = lock_try(s->dir, &fd, &silent);

    if (error == 0)
        lock_drop(fd);
    return error == QHCP_E_AGAIN;
}

/* Under the lock. */
static int read_server(const struct state *s, char **ret_cert, char **ret_key,
                       const struct words *w)
{
    char *cert, *key;
    size_t n;
    int error = stored_file(s->dir, STATE_CERT, false, PKI_PEM_MAX, &cert, &n, w);

    if (error == QHCP_E_NOT_FOUND && s->imported)
        return words_fail(w, error,
                          "this machine has imported its CA and has no server certificate: run "
                          "`qhcp keys export --server NAME --out F` on the machine with the CA, "
                          "with the name that load balancers use, and `qhcp keys import F` here");
    if (error)
        return error;
    error = stored_file(s->dir, STATE_KEY, true, PKI_PEM_MAX, &key, &n, w);
    if (error) {
        free(cert);
        return error;
    }
    *ret_cert = cert;
    *ret_key = key;
    return 0;
}

int state_load_server(const struct state *s, char **ret_cert, char **ret_key, char *words,
                      size_t words_cap)
{
    const struct words w = {words, words_cap};
    int fd, error = lock_take(s->dir, &fd, &w);

    if (error)
        return error;
    error = read_server(s, ret_cert, ret_key, &w);
    lock_drop(fd);
    return error;
}

void state_derive(const struct state *s, const char *purpose, const char *address, uint16_t port,
                  uint8_t ret[32])
{
    /* each part ends with a NUL, so that no two purposes and addresses give the same text */
    char info[256];
    uint8_t prk[32];
    int n = snprintf(info, sizeof info, "%s%c%s%c%u", purpose, 0, address, 0, (unsigned)port);
    static const char salt[] = "qhcp state v1";
    const gnutls_datum_t key = {(unsigned char *)s->secret, sizeof s->secret};
    const gnutls_datum_t salt_d = {(unsigned char *)salt, sizeof salt - 1};
    const gnutls_datum_t prk_d = {prk, sizeof prk};
    const gnutls_datum_t info_d = {(unsigned char *)info, (unsigned)n};

    /* a key of zeros would be worse than the end; only a caller's error or a broken library leads
     * here */
    if (n < 0 || (size_t)n >= sizeof info ||
        gnutls_hkdf_extract(GNUTLS_MAC_SHA256, &key, &salt_d, prk) < 0 ||
        gnutls_hkdf_expand(GNUTLS_MAC_SHA256, &prk_d, &info_d, ret, 32) < 0)
        abort();
    gnutls_memset(prk, 0, sizeof prk);
}
