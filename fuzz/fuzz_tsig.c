/* What a name server answers to a signed update, and what is in the file of a key.
 *
 * Input: 'k' and the text of a key; or any other byte and the bytes of an answer, which nobody has
 * signed: none may pass.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc fuzz/fuzz_tsig.c \
 *   src/sinks/dns_tsig.c src/sinks/dns_wire.c -lresolv -lgnutls -o fuzz_tsig
 * ./fuzz_tsig /tmp/found fuzz/corpus/tsig */
#include <stdlib.h>
#include <string.h>

#include "sinks/dns_tsig.h"

#define TIME 1764316800

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct dns_tsig_mac request = {.at = {1}, .n = 32};
    struct dns_tsig_key key;
    char words[300], text[4096];
    size_t n = size < sizeof text ? size : sizeof text - 1;

    if (size == 0)
        return 0;
    if (data[0] == 'k') {
        memcpy(text, data + 1, n - 1);
        text[n - 1] = '\0';
        if (dns_tsig_parse(text, &key, words, sizeof words) == 0)
            must(key.n > 0 && key.n <= DNS_TSIG_SECRET && key.name.n > 1 && key.algorithm.n > 1);
        return 0;
    }
    must(dns_tsig_parse("hmac-sha256:q:MDEyMzQ1Njc4OWFiY2RlZg==", &key, words, sizeof words) == 0);
    must(dns_tsig_verify(data + 1, size - 1, &key, &request, TIME, words, sizeof words) < 0);
    return 0;
}
