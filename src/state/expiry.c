/* When a certificate ends, in words, with the command that renews it. */
#include <stdio.h>
#include <stdlib.h>

#include "state/pki.h"
#include "state/state.h"

static void ends_in(int64_t expires, int64_t now, char *ret, size_t cap)
{
    int64_t left = expires - now, size = left < 0 ? -left : left;
    const char *unit = size >= PKI_DAY ? "day" : size >= 3600 ? "hour" : "minute";
    int64_t n = size / (size >= PKI_DAY ? PKI_DAY : size >= 3600 ? 3600 : 60);
    char date[16];

    pki_date(expires, date);
    if (left < 0)
        snprintf(ret, cap, "expired %lld %s%s ago (%s)", (long long)n, unit, n == 1 ? "" : "s",
                 date);
    else
        snprintf(ret, cap, "expires in %lld %s%s (%s)", (long long)n, unit, n == 1 ? "" : "s",
                 date);
}

/* names: as --server takes them; first: what begins the sentence. */
static void compose(const char *first, const char *names, bool ours, int64_t expires, int64_t now,
                    char *words, size_t cap)
{
    char when[64];

    ends_in(expires, now, when, sizeof when);
    if (!ours) {
        snprintf(words, cap, "certificate of %s %s: renew it where it was issued", first, when);
        return;
    }
    snprintf(words, cap,
             "certificate of %s %s: run `qhcp keys export --server %s --out F` on the machine with "
             "the CA, and `qhcp keys import F` on the server",
             first, when, names);
}

bool state_expiry_words(const char *name, bool ours, int64_t expires, int64_t now, char *words,
                        size_t words_cap)
{
    if (expires == 0 || expires - now > PKI_RENEW_BEFORE)
        return false;
    compose(name, name, ours, expires, now, words, words_cap);
    return true;
}

bool state_expiry_notice(const char *cert_pem, bool ours, int64_t now, char *words,
                         size_t words_cap)
{
    const struct words silent = {NULL, 0};
    struct names *names = calloc(1, sizeof *names);
    gnutls_x509_crt_t crt;
    char list[512] = "";
    size_t at = 0;
    int64_t expires;

    if (!names || pki_cert_load(slice_str(cert_pem), "", false, &crt, &silent) != 0) {
        free(names);
        return false;
    }
    expires = gnutls_x509_crt_get_expiration_time(crt);
    pki_names(crt, names);
    names_drop_local(names);
    gnutls_x509_crt_deinit(crt);
    for (size_t i = 0; i < names->n && at + NAMES_TEXT < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i ? "," : "", names->at[i]);
    if (expires - now <= PKI_RENEW_BEFORE)
        compose(names->n ? names->at[0] : "this server", list[0] ? list : "NAME", ours, expires,
                now, words, words_cap);
    free(names);
    return expires - now <= PKI_RENEW_BEFORE;
}
