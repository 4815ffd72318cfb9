#include "daemon/look.h"

#include <stdlib.h>

#include "base/os/file.h"
#include "state/pki.h"

#define LOOK_MOST (1 << 20) /* bytes of a file */

static int load_certificate(struct slice pem, const char *path, const struct words *w)
{
    gnutls_x509_crt_t crt;
    int r = pki_cert_load(pem, path, false, &crt, w);

    if (r == 0)
        gnutls_x509_crt_deinit(crt);
    return r;
}

static int load_key(struct slice pem, const char *path, const struct words *w)
{
    gnutls_x509_privkey_t key;
    int r = pki_key_load(pem, path, &key, w);

    if (r == 0)
        gnutls_x509_privkey_deinit(key);
    return r;
}

static void look(const struct options *o, char *const *path,
                 int (*load)(struct slice pem, const char *path, const struct words *w),
                 struct faults *f)
{
    const struct place at = options_place(o, path);
    char why[500] = "", *pem;
    const struct words w = {why, sizeof why};
    size_t n;
    int r;

    if (!*path)
        return;
    r = file_read(*path, true, LOOK_MOST, &pem, &n, &w);
    if (r == 0) {
        r = load(slice_of(pem, n), *path, &w);
        file_wipe(pem, n);
    }
    if (r < 0)
        faults_add(f, &at, r, "%s", why);
}

void look_certificate(const struct options *o, char *const *path, struct faults *f)
{
    look(o, path, load_certificate, f);
}

void look_key(const struct options *o, char *const *path, struct faults *f)
{
    look(o, path, load_key, f);
}
