#include "sinks/dns_wire.h"

#include <arpa/nameser.h>
#include <string.h>

#define POINTER 0xc000
#define POINTER_MOST 0x3fff
#define QR 0x8000

static bool is_label_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

/* Labels without the empty one behind them; false: none, or too long. */
static bool put_labels(const char *text, uint8_t *to, size_t cap, size_t *ret)
{
    size_t n = 0;

    while (*text != '\0') {
        size_t label = 0;

        while (is_label_char(text[label]))
            label++;
        if (label == 0 || label > DNS_LABEL || n + 1 + label > cap)
            return false;
        to[n++] = (uint8_t)label;
        for (size_t i = 0; i < label; i++)
            to[n++] = lower((uint8_t)text[i]);
        text += label;
        if (*text == '.')
            text++;
        else if (*text != '\0')
            return false;
    }
    *ret = n;
    return n > 0;
}

bool dns_name_parse(const char *text, struct dns_name *ret)
{
    struct dns_name name;

    if (!put_labels(text, name.at, DNS_NAME - 1, &name.n))
        return false;
    name.at[name.n++] = 0;
    *ret = name;
    return true;
}

bool dns_name_below(const char *labels, const struct dns_name *top, struct dns_name *ret)
{
    struct dns_name name;

    if (!put_labels(labels, name.at, DNS_NAME - top->n, &name.n))
        return false;
    memcpy(name.at + name.n, top->at, top->n);
    name.n += top->n;
    *ret = name;
    return true;
}

bool dns_name_is_below(const struct dns_name *name, const struct dns_name *top, size_t *ret_below)
{
    size_t at = 0;

    if (name->n < top->n || memcmp(name->at + name->n - top->n, top->at, top->n) != 0)
        return false;
    while (at < name->n - top->n) /* (the bytes may agree in the middle of a label) */
        at += 1U + name->at[at];
    if (at != name->n - top->n)
        return false;
    *ret_below = at;
    return true;
}

/* ---- reading ---- */

static uint16_t u16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

/* The question's name: nothing is before it that it could point to. */
static bool read_name(const uint8_t *p, size_t n, struct dns_name *ret)
{
    size_t at = 0;

    for (;;) {
        size_t label = at < n ? p[at] : DNS_LABEL + 1;

        if (label > DNS_LABEL || at + 1 + label > n || at + 1 + label > DNS_NAME)
            return false;
        ret->at[at++] = (uint8_t)label;
        for (size_t i = 0; i < label; i++, at++)
            ret->at[at] = lower(p[at]);
        if (label == 0)
            break;
    }
    ret->n = at;
    return true;
}

/* The OPT record, of which there is one at most (RFC 6891, 6.1.1). */
static bool read_edns(const uint8_t *message, size_t n, struct dns_question *q)
{
    ns_msg ns;
    ns_rr rr;

    if (ns_initparse(message, (int)n, &ns) < 0)
        return false;
    for (int i = 0; i < ns_msg_count(ns, ns_s_ar); i++) {
        if (ns_parserr(&ns, ns_s_ar, i, &rr) < 0)
            return false;
        if (ns_rr_type(rr) != ns_t_opt)
            continue;
        if (q->edns || ns_rr_name(rr)[0] != '.')
            return false;
        q->edns = true;
        q->version = (uint8_t)(ns_rr_ttl(rr) >> 16);
        q->payload = (uint16_t)ns_rr_class(rr);
        q->extra = (uint16_t)ns_rr_ttl(rr);
    }
    return true;
}

enum dns_read dns_question_read(const uint8_t *message, size_t n, struct dns_question *ret)
{
    struct dns_question q = {.opcode = 0};

    if (n < DNS_HEADER || n > DNS_TCP_MOST)
        return DNS_READ_DROP;
    q.id = u16_at(message);
    q.flags = u16_at(message + 2);
    q.opcode = q.flags >> 11 & 0xf;
    *ret = q;
    if (q.flags & QR)
        return DNS_READ_DROP;
    if (q.opcode != DNS_QUERY)
        return DNS_READ_WELL;
    if (u16_at(message + 4) != 1 || !read_name(message + DNS_HEADER, n - DNS_HEADER, &q.name) ||
        DNS_HEADER + q.name.n + 4 > n)
        return DNS_READ_BROKEN;
    q.end = DNS_HEADER + q.name.n + 4;
    q.type = u16_at(message + q.end - 4);
    q.class = u16_at(message + q.end - 2);
    if (!read_edns(message, n, &q))
        return DNS_READ_BROKEN;
    *ret = q;
    return DNS_READ_WELL;
}

const char *dns_code_name(unsigned code)
{
    static const char *const names[] = {
        [1] = "FORMERR",  [2] = "SERVFAIL", [3] = "NXDOMAIN", [4] = "NOTIMP",  [5] = "REFUSED",
        [6] = "YXDOMAIN", [7] = "YXRRSET",  [8] = "NXRRSET",  [9] = "NOTAUTH", [10] = "NOTZONE"};

    return code < sizeof names / sizeof names[0] && names[code] ? names[code] : "an error";
}

/* ---- writing ---- */

void dns_out_bytes(struct dns_out *o, const void *p, size_t n)
{
    if (o->full || n > o->cap - o->n) {
        o->full = true;
        return;
    }
    if (n > 0)
        memcpy(o->at + o->n, p, n);
    o->n += n;
}

void dns_out_u8(struct dns_out *o, uint8_t v)
{
    dns_out_bytes(o, &v, 1);
}

void dns_out_u16(struct dns_out *o, uint16_t v)
{
    const uint8_t bytes[] = {(uint8_t)(v >> 8), (uint8_t)v};

    dns_out_bytes(o, bytes, sizeof bytes);
}

void dns_out_u32(struct dns_out *o, uint32_t v)
{
    dns_out_u16(o, (uint16_t)(v >> 16));
    dns_out_u16(o, (uint16_t)v);
}

static void set_u16(struct dns_out *o, size_t at, uint16_t v)
{
    if (at + 2 > o->n)
        return;
    o->at[at] = (uint8_t)(v >> 8);
    o->at[at + 1] = (uint8_t)v;
}

void dns_out_begin(struct dns_out *o, uint8_t *at, size_t cap, uint16_t id, uint16_t flags)
{
    static const uint8_t counts[8];

    *o = (struct dns_out){.at = at, .cap = cap < DNS_TCP_MOST ? cap : DNS_TCP_MOST};
    dns_out_u16(o, id);
    dns_out_u16(o, flags);
    dns_out_bytes(o, counts, sizeof counts);
}

void dns_out_count(struct dns_out *o, unsigned section, uint16_t n)
{
    set_u16(o, 4 + 2 * (size_t)section, n);
}

size_t dns_out_record(struct dns_out *o, uint16_t type, uint16_t class, uint32_t ttl)
{
    dns_out_u16(o, type);
    dns_out_u16(o, class);
    dns_out_u32(o, ttl);
    dns_out_u16(o, 0);
    return o->n;
}

void dns_out_end(struct dns_out *o, size_t record)
{
    if (!o->full)
        set_u16(o, record - 2, (uint16_t)(o->n - record));
}

void dns_out_pointer(struct dns_out *o, size_t to)
{
    o->full = o->full || to > POINTER_MOST;
    dns_out_u16(o, (uint16_t)(POINTER | to));
}

void dns_out_label(struct dns_out *o, const char *label)
{
    size_t n = strlen(label);

    dns_out_u8(o, (uint8_t)n);
    dns_out_bytes(o, label, n);
}
