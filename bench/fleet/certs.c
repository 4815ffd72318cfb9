/* Certificates that any load balancer of this state directory verifies as it does every other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os/clock.h"
#include "base/os/file.h"
#include "fleet.h"
#include "state/keys_own.h"
#include "state/pki.h"

void certs_path(const struct fleet *f, unsigned holder, char ret[FLEET_PATH])
{
    snprintf(ret, FLEET_PATH, "%s/%u.pem", f->dir, holder);
}

void certs_key_path(const struct fleet *f, char ret[FLEET_PATH])
{
    snprintf(ret, FLEET_PATH, "%s/key.pem", f->dir);
}

void certs_remove(struct fleet *f)
{
    char path[FLEET_PATH];

    if (f->dir[0] == '\0')
        return;
    for (unsigned i = 0; i + 1 < f->n_holders; i++) {
        certs_path(f, i, path);
        unlink(path);
    }
    certs_key_path(f, path);
    unlink(path);
    rmdir(f->dir);
}

static int make_key(struct fleet *f, struct pki_issue *issue, const struct words *w)
{
    char path[FLEET_PATH], *pem = NULL;
    int r = pki_key_new(&issue->key, w);

    if (r == 0)
        r = pki_key_pem(issue->key, &pem, w);
    if (r != 0)
        return r;
    certs_key_path(f, path);
    r = file_create(path, slice_str(pem), 0600, w);
    free(pem);
    return r;
}

/* Not waited for until it is on the disk: it lives as long as this process. */
static int write_cert(const char *path, const char *pem, const struct words *w)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), error;

    if (fd < 0)
        return words_errno(w, errno, "create", path);
    error = file_write_all(fd, slice_str(pem));
    close(fd);
    return error == 0 ? 0 : words_errno(w, error, "write", path);
}

/* The leaf, and the CA's behind it, as server/cert.pem of a state directory. */
static int make_one(const struct fleet *f, unsigned holder, struct names *names,
                    const struct pki_issue *issue, const char *ca_pem, const struct words *w)
{
    unsigned first = holder * CERT_SERVERS + 1;
    char path[FLEET_PATH], address[16], *leaf = NULL, *chain = NULL;
    int r;

    names->n = 0;
    for (unsigned i = first; i < first + CERT_SERVERS && i <= f->n; i++) {
        member_address(i, address);
        names_add(names, address);
    }
    r = pki_server_new(issue, &leaf, w);
    if (r == 0 && asprintf(&chain, "%s%s", leaf, ca_pem) < 0)
        r = words_fail(w, QHCP_E_NOMEM, "out of memory");
    certs_path(f, holder, path);
    if (r == 0)
        r = write_cert(path, chain, w);
    free(chain);
    free(leaf);
    return r;
}

int certs_make(struct fleet *f, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    struct pki_issue issue = {.now = clock_unix(NULL), .lifetime = PKI_AUTO_LIFETIME};
    struct names *names = calloc(1, sizeof *names);
    struct stored_pair ca = {0};
    struct state state;
    const char *tmp = getenv("TMPDIR");
    char dir[sizeof f->dir];
    int r = names ? state_find(&state, words, words_cap) : QHCP_E_NOMEM;

    if (r == 0)
        r = keys_own_ca(&state, "qhcp-fleet", &ca, &w);
    snprintf(dir, sizeof dir, "%.80s/qhcp-fleet-XXXXXX", tmp ? tmp : "/tmp");
    if (r == 0 && !mkdtemp(dir))
        r = words_errno(&w, errno, "make a directory in", tmp ? tmp : "/tmp");
    if (r == 0) {
        snprintf(f->dir, sizeof f->dir, "%s", dir);
        issue.ca = ca.crt;
        issue.ca_key = ca.key;
        issue.names = names;
        r = make_key(f, &issue, &w);
    }
    for (unsigned i = 0; r == 0 && i + 1 < f->n_holders; i++)
        r = make_one(f, i, names, &issue, ca.pem, &w);
    gnutls_x509_privkey_deinit(issue.key);
    stored_pair_deinit(&ca);
    free(names);
    return r;
}
