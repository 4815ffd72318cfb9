#include "sinks/dns_answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/address.h"

#define QR 0x8000
#define AA 0x0400
#define TC 0x0200
#define RD 0x0100
#define KEPT (0x7800 | RD) /* of the query's flags: the opcode, and RD */
#define DO 0x8000          /* of EDNS: echoed (RFC 3225, 3) */
#define SERVFAIL 2
#define EDNS_BYTES 11
#define REFRESH 60
#define RETRY 10
#define EXPIRE 3600
#define WEIGHT_MOST 65535

/* One answer while it is made. */
struct making {
    struct dns_answerer *a;
    const struct dns_question *q;
    struct dns_out out;
    unsigned rcode;
    uint16_t counts[4];
    size_t origin; /* where in the message the zone's name begins */
};

enum { ANSWER = 1, AUTHORITY = 2, ADDITIONAL = 3 };

/* ---- records ---- */

static void put_name(struct dns_out *o, const struct dns_name *name)
{
    dns_out_bytes(o, name->at, name->n);
}

/* "label" below the zone. */
static void put_below(struct making *m, const char *label)
{
    dns_out_label(&m->out, label);
    dns_out_pointer(&m->out, m->origin);
}

/* The name that is asked for. */
static void put_asked(struct making *m)
{
    dns_out_pointer(&m->out, DNS_HEADER);
}

static void put_address(struct making *m, const union qhcp_addr *addr)
{
    bool four = addr->sa.sa_family == AF_INET;
    size_t record = dns_out_record(&m->out, four ? DNS_A : DNS_AAAA, DNS_IN, m->a->ttl);

    if (four)
        dns_out_bytes(&m->out, &addr->in.sin_addr, sizeof addr->in.sin_addr);
    else
        dns_out_bytes(&m->out, &addr->in6.sin6_addr, sizeof addr->in6.sin6_addr);
    dns_out_end(&m->out, record);
}

/* The first name server. */
static void put_server(struct making *m, size_t i)
{
    if (m->a->n_servers > 0)
        put_name(&m->out, &m->a->servers[i]);
    else
        put_below(m, "ns");
}

static void put_soa(struct making *m, unsigned section)
{
    size_t record;

    dns_out_pointer(&m->out, m->origin);
    record = dns_out_record(&m->out, DNS_SOA, DNS_IN, m->a->ttl);
    put_server(m, 0);
    put_below(m, "hostmaster");
    dns_out_u32(&m->out, m->a->serial);
    dns_out_u32(&m->out, REFRESH);
    dns_out_u32(&m->out, RETRY);
    dns_out_u32(&m->out, EXPIRE);
    dns_out_u32(&m->out, m->a->ttl); /* of "no": RFC 2308, 4 */
    dns_out_end(&m->out, record);
    m->counts[section]++;
}

static void put_servers(struct making *m)
{
    size_t n = m->a->n_servers > 0 ? m->a->n_servers : 1;

    for (size_t i = 0; i < n; i++) {
        size_t record;

        put_asked(m);
        record = dns_out_record(&m->out, DNS_NS, DNS_IN, m->a->ttl);
        put_server(m, i);
        dns_out_end(&m->out, record);
        m->counts[ANSWER]++;
    }
}

/* Somebody asks for everything: RFC 8482, 4.2. */
static void put_no_any(struct making *m)
{
    size_t record;

    put_asked(m);
    record = dns_out_record(&m->out, DNS_HINFO, DNS_IN, m->a->ttl);
    dns_out_label(&m->out, "RFC8482");
    dns_out_label(&m->out, "");
    dns_out_end(&m->out, record);
    m->counts[ANSWER]++;
}

static void put_addresses(struct making *m, const char *label, int family)
{
    const struct dns_host *hosts[DNS_ZONE_MOST];
    size_t n = dns_zone_pick(&m->a->zone, label, family, hosts);

    for (size_t i = 0; i < n; i++) {
        put_asked(m);
        put_address(m, &hosts[i]->at);
        m->counts[ANSWER]++;
    }
}

/* ---- SRV ---- */

static unsigned heaviest(const struct dns_host *const *hosts, size_t n)
{
    unsigned most = 1;

    for (size_t i = 0; i < n; i++)
        most = hosts[i]->weight > most ? hosts[i]->weight : most;
    return most;
}

/* The whole range is used, since HAProxy keeps the upper eight bits only; 0 would be "hardly ever"
 * (RFC 2782). */
static uint16_t weight_of(const struct dns_host *h, unsigned most)
{
    unsigned percent = h->percent > 0 ? h->percent : 100;
    unsigned weight =
        (unsigned)((uint64_t)h->weight * percent * WEIGHT_MOST / ((uint64_t)most * 100));

    return (uint16_t)(weight > 0 ? weight : 1);
}

/* Addresses of the targets, as many as there is room for. */
static void put_targets(struct making *m, const struct dns_host *const *hosts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct dns_out before = m->out;
        char label[DNS_ZONE_LABEL];

        if (!dns_zone_is_new(hosts[i], hosts, i))
            continue;
        dns_zone_address(&hosts[i]->at, label);
        put_below(m, label);
        put_address(m, &hosts[i]->at);
        if (m->out.full) {
            m->out = before;
            return;
        }
        m->counts[ADDITIONAL]++;
    }
}

static void put_services(struct making *m, const char *label)
{
    const struct dns_host *hosts[DNS_ZONE_MOST];
    size_t n = dns_zone_pick(&m->a->zone, label, AF_UNSPEC, hosts);
    unsigned most = heaviest(hosts, n);

    for (size_t i = 0; i < n; i++) {
        char target[DNS_ZONE_LABEL];
        size_t record;

        dns_zone_address(&hosts[i]->at, target);
        put_asked(m);
        record = dns_out_record(&m->out, DNS_SRV, DNS_IN, m->a->ttl);
        dns_out_u16(&m->out, hosts[i]->priority);
        dns_out_u16(&m->out, weight_of(hosts[i], most));
        dns_out_u16(&m->out,
                    ntohs(hosts[i]->at.sa.sa_family == AF_INET ? hosts[i]->at.in.sin_port
                                                               : hosts[i]->at.in6.sin6_port));
        dns_out_label(&m->out, target); /* (no pointer: RFC 2782, Target) */
        put_name(&m->out, &m->a->origin);
        dns_out_end(&m->out, record);
        m->counts[ANSWER]++;
    }
    if (!m->out.full)
        put_targets(m, hosts, n);
}

/* ---- names ---- */

/* What is asked for: labels below the zone, last first. */
struct asked {
    char labels[2][DNS_ZONE_LABEL];
    unsigned n; /* 3: more than are ever known */
};

static void split(const struct dns_name *name, size_t below, struct asked *ret)
{
    unsigned n = 0;

    *ret = (struct asked){.n = 0};
    for (size_t at = 0; at < below; at += 1U + name->at[at])
        n++;
    ret->n = n < 3 ? n : 3;
    for (size_t at = 0; n < 3 && at < below; at += 1U + name->at[at]) {
        char *label = ret->labels[--n];

        memcpy(label, name->at + at + 1, name->at[at]);
        label[name->at[at]] = '\0';
        if (strlen(label) != name->at[at]) /* it has a NUL in it */
            label[0] = '\0';
    }
}

static void about_zone(struct making *m)
{
    uint16_t type = m->q->type;

    if (type == DNS_SOA)
        put_soa(m, ANSWER);
    else if (type == DNS_NS)
        put_servers(m);
    else if (type == DNS_A || type == DNS_AAAA)
        put_addresses(m, NULL, type == DNS_A ? AF_INET : AF_INET6);
}

static bool is_self(const struct making *m, const char *label)
{
    return m->a->n_servers == 0 && strcmp(label, "ns") == 0;
}

static void about_self(struct making *m)
{
    const union qhcp_addr *self = &m->a->self;
    int family = m->q->type == DNS_A ? AF_INET : m->q->type == DNS_AAAA ? AF_INET6 : AF_UNSPEC;

    if (family == AF_UNSPEC || self->sa.sa_family != family || address_is_any(self))
        return;
    put_asked(m);
    put_address(m, self);
    m->counts[ANSWER]++;
}

/* _NAME._tcp; false: there is no such name. */
static bool about_service(struct making *m, const char *label)
{
    const char *name = strcmp(label, "_all") == 0 ? "" : label + 1;

    if (label[0] != '_' || label[1] == '\0' || !dns_zone_has(&m->a->zone, name))
        return false;
    if (m->q->type == DNS_SRV)
        put_services(m, name);
    return true;
}

/* False: there is no such name. */
static bool about(struct making *m, const struct asked *asked)
{
    const char *last = asked->labels[0];

    if (asked->n == 0) {
        about_zone(m);
        return true;
    }
    if (asked->n > 2 || last[0] == '\0')
        return false;
    if (strcmp(last, "_tcp") == 0) /* is a name, as it has others below it (RFC 8020) */
        return asked->n == 1 || about_service(m, asked->labels[1]);
    if (asked->n == 2)
        return false;
    if (is_self(m, last)) {
        about_self(m);
        return true;
    }
    if (!dns_zone_has(&m->a->zone, last))
        return false;
    if (m->q->type == DNS_A || m->q->type == DNS_AAAA)
        put_addresses(m, last, m->q->type == DNS_A ? AF_INET : AF_INET6);
    return true;
}

/* ---- the whole ---- */

static unsigned decide(struct making *m)
{
    const struct dns_question *q = m->q;
    struct asked asked;
    size_t below;

    if (q->edns && q->version > 0)
        return DNS_BADVERS;
    if ((q->class != DNS_IN && q->class != DNS_CLASS_ANY) || q->type == DNS_AXFR ||
        q->type == DNS_IXFR || !dns_name_is_below(&q->name, &m->a->origin, &below))
        return DNS_REFUSED;
    if (!m->a->known)
        return SERVFAIL;
    m->origin = DNS_HEADER + below;
    split(&q->name, below, &asked);
    if (!about(m, &asked))
        return DNS_NXDOMAIN;
    if (q->type == DNS_ANY)
        put_no_any(m);
    return DNS_NOERROR;
}

static void put_edns(struct making *m)
{
    size_t record;

    dns_out_u8(&m->out, 0);
    record = dns_out_record(&m->out, DNS_OPT, DNS_UDP_MOST,
                            (uint32_t)(m->rcode >> 4) << 24 | (uint32_t)(m->q->extra & DO));
    dns_out_end(&m->out, record);
    m->counts[ADDITIONAL]++;
}

/* What does not fit is asked for again, by TCP. */
static void truncate(struct making *m, const struct dns_out *question)
{
    m->out.n = question->n;
    m->out.full = false;
    m->counts[ANSWER] = m->counts[AUTHORITY] = m->counts[ADDITIONAL] = 0;
    m->out.at[2] |= TC >> 8;
}

static size_t finish(struct making *m)
{
    m->out.at[3] = (uint8_t)((m->out.at[3] & 0xf0) | (m->rcode & 0xf));
    for (unsigned i = 0; i < 4; i++)
        dns_out_count(&m->out, i, m->counts[i]);
    return m->out.n;
}

/* A header alone. */
static size_t refuse(const struct dns_question *q, unsigned rcode, uint8_t *ret, size_t cap)
{
    struct dns_out out;

    dns_out_begin(&out, ret, cap, q->id, (uint16_t)(QR | (q->flags & KEPT) | rcode));
    return out.full ? 0 : out.n;
}

static size_t room_for(const struct dns_question *q, bool tcp, size_t cap)
{
    size_t room = tcp ? DNS_TCP_MOST : DNS_UDP_PLAIN;

    if (!tcp && q->edns && q->payload > DNS_UDP_PLAIN)
        room = q->payload < DNS_UDP_MOST ? q->payload : DNS_UDP_MOST;
    return room < cap ? room : cap;
}

void dns_answer_changed(struct dns_answerer *a, int64_t unix_ms)
{
    uint32_t serial = (uint32_t)(unix_ms / 1000);

    if (a->known && a->changes == a->zone.changes)
        return;
    if (a->known && (int32_t)(serial - a->serial) <= 0)
        serial = a->serial + 1;
    a->serial = serial;
    a->changes = a->zone.changes;
    a->known = true;
}

size_t dns_answer(struct dns_answerer *a, const uint8_t *query, size_t n, bool tcp, uint8_t *ret,
                  size_t cap)
{
    struct dns_question q;
    enum dns_read read = dns_question_read(query, n, &q);
    struct making m = {.a = a, .q = &q, .counts = {1}};
    struct dns_out question;
    size_t room;

    if (read == DNS_READ_DROP)
        return 0;
    if (read == DNS_READ_BROKEN || q.opcode != DNS_QUERY)
        return refuse(&q, read == DNS_READ_BROKEN ? DNS_FORMERR : DNS_NOTIMP, ret, cap);
    room = room_for(&q, tcp, cap);
    dns_out_begin(&m.out, ret, room - (q.edns ? EDNS_BYTES : 0), q.id,
                  (uint16_t)(QR | (q.flags & KEPT)));
    dns_out_bytes(&m.out, query + DNS_HEADER, q.end - DNS_HEADER);
    question = m.out;
    m.rcode = decide(&m);
    if (m.rcode == DNS_NOERROR || m.rcode == DNS_NXDOMAIN) {
        m.out.at[2] |= AA >> 8;
        if (m.counts[ANSWER] == 0)
            put_soa(&m, AUTHORITY);
    }
    if (m.out.full)
        truncate(&m, &question);
    m.out.cap = room;
    if (q.edns)
        put_edns(&m);
    return finish(&m);
}

size_t dns_answer_truncated(const uint8_t *query, size_t n, uint8_t *ret, size_t cap)
{
    struct dns_question q;
    struct dns_out out;

    if (dns_question_read(query, n, &q) != DNS_READ_WELL || q.opcode != DNS_QUERY)
        return 0;
    dns_out_begin(&out, ret, cap, q.id, (uint16_t)(QR | TC | (q.flags & KEPT)));
    dns_out_bytes(&out, query + DNS_HEADER, q.end - DNS_HEADER);
    dns_out_count(&out, 0, 1);
    return out.full ? 0 : out.n;
}
