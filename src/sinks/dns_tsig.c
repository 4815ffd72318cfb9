#include "sinks/dns_tsig.h"

#include <arpa/nameser.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include <qhcp/error.h>

#define WORD 400
#define FIXED 10 /* bytes of a record between its name and its data */

static const struct {
    const char *name;
    gnutls_mac_algorithm_t mac;
} algorithms[] = {
    {"hmac-sha256", GNUTLS_MAC_SHA256}, {"hmac-sha512", GNUTLS_MAC_SHA512},
    {"hmac-sha384", GNUTLS_MAC_SHA384}, {"hmac-sha224", GNUTLS_MAC_SHA224},
    {"hmac-sha1", GNUTLS_MAC_SHA1},
};

/* ---- the key ---- */

static int fail(char *words, size_t words_cap, const char *what)
{
    snprintf(words, words_cap, "%s", what);
    return QHCP_E_PARSE;
}

static bool take_algorithm(struct dns_tsig_key *key, const char *name)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (strcasecmp(algorithms[i].name, name) != 0)
            continue;
        key->mac = (int)algorithms[i].mac;
        return dns_name_parse(name, &key->algorithm);
    }
    return false;
}

static bool take_secret(struct dns_tsig_key *key, const char *base64)
{
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)base64, (unsigned)strlen(base64)}, out;
    bool well;

    if (gnutls_base64_decode2(&in, &out) != 0)
        return false;
    well = out.size > 0 && out.size <= sizeof key->secret;
    if (well)
        memcpy(key->secret, out.data, out.size);
    key->n = well ? out.size : 0;
    gnutls_memset(out.data, 0, out.size);
    gnutls_free(out.data);
    return well;
}

/* The next word; quotes, blanks, comments and ; { } are between words.  False: the text is over, or
 * the word is too long. */
static bool next_word(const char **at, char ret[WORD])
{
    static const char between[] = " \t\r\n;{}\"";
    size_t n;

    for (;;) {
        *at += strspn(*at, between);
        if (**at != '#' && strncmp(*at, "//", 2) != 0)
            break;
        *at += strcspn(*at, "\n");
    }
    n = strcspn(*at, between);
    if (n == 0 || n >= WORD)
        return false;
    memcpy(ret, *at, n);
    ret[n] = '\0';
    *at += n;
    return true;
}

/* What is behind `key`. */
static bool read_block(const char *at, struct dns_tsig_key *key)
{
    char word[WORD], value[WORD];
    bool well = next_word(&at, word) && dns_name_parse(word, &key->name);

    while (well && (key->n == 0 || key->algorithm.n == 0)) {
        well = next_word(&at, word) && next_word(&at, value);
        if (well && strcmp(word, "algorithm") == 0)
            well = take_algorithm(key, value);
        else if (well)
            well = strcmp(word, "secret") == 0 && take_secret(key, value);
    }
    gnutls_memset(value, 0, sizeof value);
    return well;
}

/* ALGORITHM:NAME:SECRET */
static bool read_line(const char *line, struct dns_tsig_key *key)
{
    char word[WORD], *name, *secret;
    bool well;

    snprintf(word, sizeof word, "%s", line);
    name = strchr(word, ':');
    secret = name ? strchr(name + 1, ':') : NULL;
    if (!secret)
        return false;
    *name++ = *secret++ = '\0';
    well =
        take_algorithm(key, word) && dns_name_parse(name, &key->name) && take_secret(key, secret);
    gnutls_memset(word, 0, sizeof word);
    return well;
}

int dns_tsig_parse(const char *text, struct dns_tsig_key *ret, char *words, size_t words_cap)
{
    struct dns_tsig_key key = {.n = 0};
    char word[WORD];
    const char *at = text;
    bool well = next_word(&at, word) &&
                (strcmp(word, "key") == 0 ? read_block(at, &key) : read_line(word, &key));

    if (well)
        *ret = key;
    gnutls_memset(&key, 0, sizeof key);
    gnutls_memset(word, 0, sizeof word);
    if (well)
        return 0;
    return fail(words, words_cap,
                "is not a TSIG key: expected what tsig-keygen prints, or ALGORITHM:NAME:SECRET, "
                "with hmac-sha256, -sha512, -sha384, -sha224 or -sha1");
}

/* ---- signatures ---- */

/* What is signed beside the message (RFC 8945, 4.3.3). */
struct variables {
    uint64_t time;
    uint16_t fudge, error;
    const uint8_t *other;
    size_t n_other;
};

static void put_u48(struct dns_out *o, uint64_t v)
{
    dns_out_u16(o, (uint16_t)(v >> 32));
    dns_out_u32(o, (uint32_t)v);
}

static void put_variables(struct dns_out *o, const struct dns_tsig_key *key,
                          const struct variables *v)
{
    dns_out_bytes(o, key->name.at, key->name.n);
    dns_out_u16(o, DNS_CLASS_ANY);
    dns_out_u32(o, 0);
    dns_out_bytes(o, key->algorithm.at, key->algorithm.n);
    put_u48(o, v->time);
    dns_out_u16(o, v->fudge);
    dns_out_u16(o, v->error);
    dns_out_u16(o, (uint16_t)v->n_other);
    dns_out_bytes(o, v->other, v->n_other);
}

/* request: of the question, before the answer; NULL: it is a question itself. */
static int make_mac(const struct dns_tsig_key *key, const struct dns_tsig_mac *request,
                    const uint8_t *message, size_t n, const struct variables *v,
                    struct dns_tsig_mac *ret)
{
    uint8_t length[2], more[2 * DNS_NAME + 64];
    struct dns_out o = {.at = more, .cap = sizeof more};
    gnutls_mac_algorithm_t mac = (gnutls_mac_algorithm_t)key->mac;
    gnutls_hmac_hd_t h;

    put_variables(&o, key, v);
    if (o.full || gnutls_hmac_get_len(mac) > sizeof ret->at ||
        gnutls_hmac_init(&h, mac, key->secret, key->n) != 0)
        return QHCP_E_INTERNAL;
    if (request) {
        length[0] = 0;
        length[1] = (uint8_t)request->n;
        gnutls_hmac(h, length, sizeof length);
        gnutls_hmac(h, request->at, request->n);
    }
    gnutls_hmac(h, message, n);
    gnutls_hmac(h, more, o.n);
    gnutls_hmac_deinit(h, ret->at);
    ret->n = gnutls_hmac_get_len(mac);
    return 0;
}

int dns_tsig_sign(struct dns_out *o, const struct dns_tsig_key *key, int64_t time,
                  struct dns_tsig_mac *ret)
{
    const struct variables v = {.time = (uint64_t)time, .fudge = DNS_TSIG_FUDGE};
    size_t record;

    if (o->full || o->n < DNS_HEADER || make_mac(key, NULL, o->at, o->n, &v, ret) != 0)
        return QHCP_E_INTERNAL;
    dns_out_bytes(o, key->name.at, key->name.n);
    record = dns_out_record(o, DNS_TSIG, DNS_CLASS_ANY, 0);
    dns_out_bytes(o, key->algorithm.at, key->algorithm.n);
    put_u48(o, v.time);
    dns_out_u16(o, v.fudge);
    dns_out_u16(o, (uint16_t)ret->n);
    dns_out_bytes(o, ret->at, ret->n);
    dns_out_bytes(o, o->at, 2); /* the id */
    dns_out_u16(o, 0);
    dns_out_u16(o, 0);
    dns_out_end(o, record);
    dns_out_count(o, 3, 1);
    return 0;
}

/* ---- an answer's ---- */

struct signature {
    size_t begins; /* bytes of the answer before it */
    struct variables v;
    const uint8_t *mac;
    size_t n_mac;
    uint16_t id;
};

/* False: it is not one of this key. */
static bool read_data(const uint8_t *p, size_t n, const struct dns_tsig_key *key,
                      struct signature *s)
{
    size_t at = key->algorithm.n;

    if (n < at + 10)
        return false;
    for (size_t i = 0; i < at; i++) /* (lengths of labels are below 'A') */
        if ((p[i] >= 'A' && p[i] <= 'Z' ? p[i] | 0x20 : p[i]) != key->algorithm.at[i])
            return false;
    s->v.time = (uint64_t)ns_get16(p + at) << 32 | ns_get32(p + at + 2);
    s->v.fudge = (uint16_t)ns_get16(p + at + 6);
    s->n_mac = ns_get16(p + at + 8);
    at += 10;
    if (n - at < s->n_mac + 6)
        return false;
    s->mac = p + at;
    at += s->n_mac;
    s->id = (uint16_t)ns_get16(p + at);
    s->v.error = (uint16_t)ns_get16(p + at + 2);
    s->v.n_other = ns_get16(p + at + 4);
    s->v.other = p + at + 6;
    return n - at - 6 == s->v.n_other && s->v.n_other <= 16;
}

/* The last record, which has to be it. */
static bool read_signature(const uint8_t *answer, size_t n, const struct dns_tsig_key *key,
                           struct signature *s)
{
    char name[NS_MAXDNAME];
    ns_msg msg;
    ns_rr rr;
    size_t at = DNS_HEADER;
    struct dns_name wire;

    if (ns_initparse(answer, (int)n, &msg) < 0 || ns_msg_count(msg, ns_s_ar) == 0)
        return false;
    for (int section = ns_s_qd; section <= ns_s_ar; section++) {
        int count = ns_msg_count(msg, (ns_sect)section) - (section == ns_s_ar);
        int skipped = ns_skiprr(answer + at, answer + n, (ns_sect)section, count);

        if (skipped < 0)
            return false;
        at += (size_t)skipped;
    }
    if (ns_parserr(&msg, ns_s_ar, ns_msg_count(msg, ns_s_ar) - 1, &rr) < 0 ||
        ns_rr_type(rr) != ns_t_tsig)
        return false;
    s->begins = at;
    snprintf(name, sizeof name, "%s", ns_rr_name(rr));
    return dns_name_parse(name, &wire) && wire.n == key->name.n &&
           memcmp(wire.at, key->name.at, wire.n) == 0 &&
           read_data(ns_rr_rdata(rr), ns_rr_rdlen(rr), key, s);
}

static int refused(uint16_t error, char *words, size_t words_cap)
{
    snprintf(words, words_cap, "%s",
             error == 16   ? "it takes the signature for wrong (BADSIG): does its key "
                             "have another secret?"
             : error == 17 ? "it does not know the key (BADKEY)"
             : error == 18 ? "it finds the signature too old or too new (BADTIME): do "
                             "the two clocks differ?"
                           : "it does not accept the signature");
    return QHCP_E_IO;
}

int dns_tsig_verify(const uint8_t *answer, size_t n, const struct dns_tsig_key *key,
                    const struct dns_tsig_mac *request, int64_t time, char *words, size_t words_cap)
{
    uint8_t copy[DNS_UDP_MOST];
    struct signature s = {.begins = 0};
    struct dns_tsig_mac mac;

    if (n > sizeof copy || !read_signature(answer, n, key, &s))
        return fail(words, words_cap, "the name server's answer is not signed with the key");
    if (s.v.error != 0)
        return refused(s.v.error, words, words_cap);
    memcpy(copy, answer, s.begins);
    copy[0] = (uint8_t)(s.id >> 8);
    copy[1] = (uint8_t)s.id;
    copy[10] = (uint8_t)((ns_get16(copy + 10) - 1) >> 8);
    copy[11] = (uint8_t)(ns_get16(answer + 10) - 1);
    if (make_mac(key, request, copy, s.begins, &s.v, &mac) != 0 || s.n_mac != mac.n ||
        gnutls_memcmp(s.mac, mac.at, mac.n) != 0)
        return fail(words, words_cap, "the name server's answer has a wrong signature");
    if (time > (int64_t)s.v.time + s.v.fudge || (int64_t)s.v.time > time + s.v.fudge)
        return fail(words, words_cap,
                    "the name server's answer was signed at another time: do the two clocks "
                    "differ?");
    return 0;
}
