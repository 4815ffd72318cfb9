/* See chain.h. */
#include "quic/chain.h"

#include <stdbool.h>

#define DEPTH 16 /* of what lies in what: a certificate has about ten */
#define OCTET_STRING 0x04
#define CONSTRUCTED 0x20
#define TAG_GOES_ON 0x1f

struct bytes {
    const uint8_t *p;
    size_t n;
};

/* Big-endian; false where there is less. */
static bool take_number(struct bytes *in, unsigned size, size_t *ret)
{
    size_t value = 0;

    if (in->n < size)
        return false;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | in->p[i];
    in->p += size;
    in->n -= size;
    *ret = value;
    return true;
}

static bool take_bytes(struct bytes *in, size_t n, struct bytes *ret)
{
    if (n > in->n)
        return false;
    *ret = (struct bytes){.p = in->p, .n = n};
    in->p += n;
    in->n -= n;
    return true;
}

/* X.690, 8.1: an identifier, a definite length, contents. */
static bool take_element(struct bytes *in, size_t *ret_tag, struct bytes *ret)
{
    size_t more, length;

    if (!take_number(in, 1, ret_tag))
        return false;
    for (more = (*ret_tag & TAG_GOES_ON) == TAG_GOES_ON ? 0x80 : 0; more & 0x80;)
        if (!take_number(in, 1, &more))
            return false;
    if (!take_number(in, 1, &length))
        return false;
    if (length & 0x80) {
        unsigned size = length & 0x7f;

        if (size == 0 || size > 3 || !take_number(in, size, &length))
            return false;
    }
    return take_bytes(in, length, ret);
}

/* Counts the elements, also those in an OCTET STRING where it holds DER, as extensions do. */
static enum chain_verdict count(struct bytes in, unsigned depth, size_t *left)
{
    if (depth == 0)
        return CHAIN_MALFORMED;
    while (in.n > 0) {
        enum chain_verdict inner = CHAIN_FITS;
        struct bytes contents;
        size_t tag;

        if (!take_element(&in, &tag, &contents))
            return CHAIN_MALFORMED;
        if ((*left)-- == 0)
            return CHAIN_TOO_COMPLEX;
        if ((tag & CONSTRUCTED) || tag == OCTET_STRING)
            inner = count(contents, depth - 1, left);
        if (inner == CHAIN_TOO_COMPLEX || (inner != CHAIN_FITS && tag != OCTET_STRING))
            return inner;
    }
    return CHAIN_FITS;
}

enum chain_verdict chain_judge_der(const uint8_t *der, size_t n)
{
    size_t left = CHAIN_ELEMENTS;

    return count((struct bytes){.p = der, .n = n}, DEPTH, &left);
}

enum chain_verdict chain_judge(const uint8_t *message, size_t n)
{
    struct bytes in = {.p = message, .n = n}, list, cert, skipped;
    unsigned certs = 0;
    size_t size;

    if (!take_number(&in, 1, &size) || !take_bytes(&in, size, &skipped) ||
        !take_number(&in, 3, &size) || !take_bytes(&in, size, &list) || in.n > 0)
        return CHAIN_MALFORMED;
    if (list.n > CHAIN_BYTES)
        return CHAIN_TOO_LARGE;
    while (list.n > 0) {
        enum chain_verdict one;

        if (++certs > CHAIN_CERTS)
            return CHAIN_TOO_LONG;
        if (!take_number(&list, 3, &size) || !take_bytes(&list, size, &cert) ||
            !take_number(&list, 2, &size) || !take_bytes(&list, size, &skipped))
            return CHAIN_MALFORMED;
        one = chain_judge_der(cert.p, cert.n);
        if (one != CHAIN_FITS)
            return one;
    }
    return CHAIN_FITS;
}

#define TEXT(x) #x
#define NUMBER(x) TEXT(x)

const char *chain_words(enum chain_verdict verdict)
{
    switch (verdict) {
    case CHAIN_FITS:
        return NULL;
    case CHAIN_TOO_LONG:
        return "the chain has more than " NUMBER(CHAIN_CERTS) " certificates";
    case CHAIN_TOO_LARGE:
        return "the chain of certificates is larger than " NUMBER(CHAIN_BYTES) " bytes";
    case CHAIN_TOO_COMPLEX:
        return "a certificate has more than " NUMBER(CHAIN_ELEMENTS) " elements: too many names?";
    case CHAIN_MALFORMED:
        break;
    }
    return "the certificate cannot be read";
}
