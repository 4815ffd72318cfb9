#include "loop/records.h"

#include <arpa/nameser.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A record's name, of a message in ns; false: it is broken. */
static bool name_at(const ns_msg *ns, const uint8_t *at, char ret[RECORDS_NAME])
{
    return ns_name_uncompress(ns_msg_base(*ns), ns_msg_end(*ns), at, ret, RECORDS_NAME) >= 0;
}

static int fail(char *words, size_t words_cap, const char *what)
{
    snprintf(words, words_cap, "%s", what);
    return QHCP_E_PARSE;
}

/* Where the aliases of `name` lead, into name; *ttl is lowered to theirs. */
static int follow(ns_msg *ns, char name[RECORDS_NAME], uint32_t *ttl, char *words, size_t words_cap)
{
    unsigned aliases = 0;
    ns_rr rr;

    for (int i = 0; i < ns_msg_count(*ns, ns_s_an); i++) {
        if (ns_parserr(ns, ns_s_an, i, &rr) < 0)
            return fail(words, words_cap, "the DNS server's answer is broken");
        if (ns_rr_type(rr) != ns_t_cname || ns_rr_class(rr) != ns_c_in ||
            strcasecmp(ns_rr_name(rr), name) != 0)
            continue;
        if (aliases++ == RECORDS_ALIASES)
            return fail(words, words_cap, "its aliases (CNAME) go in a circle");
        if (!name_at(ns, ns_rr_rdata(rr), name))
            return fail(words, words_cap, "the DNS server's answer is broken");
        *ttl = ns_rr_ttl(rr) < *ttl ? ns_rr_ttl(rr) : *ttl;
        i = -1; /* the next one may come before this one */
    }
    return 0;
}

static bool read_address(const ns_rr *rr, enum records_type type, struct record *ret)
{
    if (type == RECORDS_A && ns_rr_rdlen(*rr) == sizeof ret->addr.in.sin_addr) {
        ret->addr.in.sin_family = AF_INET;
        memcpy(&ret->addr.in.sin_addr, ns_rr_rdata(*rr), sizeof ret->addr.in.sin_addr);
        return true;
    }
    if (type == RECORDS_AAAA && ns_rr_rdlen(*rr) == sizeof ret->addr.in6.sin6_addr) {
        ret->addr.in6.sin6_family = AF_INET6;
        memcpy(&ret->addr.in6.sin6_addr, ns_rr_rdata(*rr), sizeof ret->addr.in6.sin6_addr);
        return true;
    }
    return false;
}

static bool read_service(const ns_msg *ns, const ns_rr *rr, struct record *ret)
{
    const uint8_t *p = ns_rr_rdata(*rr);

    if (ns_rr_rdlen(*rr) < 7 || !name_at(ns, p + 6, ret->name))
        return false;
    ret->priority = (uint16_t)ns_get16(p);
    ret->weight = (uint16_t)ns_get16(p + 2);
    ret->port = (uint16_t)ns_get16(p + 4);
    if (strcmp(ret->name, ".") == 0)
        ret->name[0] = '\0';
    return true;
}

static int collect(ns_msg *ns, enum records_type type, const char *name, struct records *ret,
                   char *words, size_t words_cap)
{
    ns_rr rr;

    for (int i = 0; i < ns_msg_count(*ns, ns_s_an); i++) {
        struct record *one = &ret->at[ret->n];

        if (ns_parserr(ns, ns_s_an, i, &rr) < 0)
            return fail(words, words_cap, "the DNS server's answer is broken");
        if (ns_rr_type(rr) != (ns_type)type || ns_rr_class(rr) != ns_c_in ||
            strcasecmp(ns_rr_name(rr), name) != 0)
            continue;
        memset(one, 0, sizeof *one);
        if (!(type == RECORDS_SRV ? read_service(ns, &rr, one) : read_address(&rr, type, one)))
            return fail(words, words_cap, "the DNS server's answer has a broken record");
        ret->ttl = ns_rr_ttl(rr) < ret->ttl ? ns_rr_ttl(rr) : ret->ttl;
        ret->n++;
    }
    return 0;
}

int records_parse(const uint8_t *message, size_t n, enum records_type type, struct records *ret,
                  char *words, size_t words_cap)
{
    struct records all = {.ttl = INT32_MAX};
    char name[RECORDS_NAME];
    ns_msg ns;
    ns_rr question;
    int r;

    if (n > NS_MAXMSG || ns_initparse(message, (int)n, &ns) < 0 || ns_msg_count(ns, ns_s_qd) != 1 ||
        ns_parserr(&ns, ns_s_qd, 0, &question) < 0)
        return fail(words, words_cap, "the DNS server's answer is broken");
    snprintf(name, sizeof name, "%.*s", RECORDS_NAME - 1, ns_rr_name(question));
    r = follow(&ns, name, &all.ttl, words, words_cap);
    if (r < 0)
        return r;
    all.at = calloc((size_t)ns_msg_count(ns, ns_s_an) + 1, sizeof *all.at);
    if (!all.at) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    r = collect(&ns, type, name, &all, words, words_cap);
    if (r < 0)
        free(all.at);
    else
        *ret = all;
    return r;
}
