/* DNS answers: any bytes are records, or an error with words.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_records.c src/loop/records.c -lresolv -o fuzz_records
 * ./fuzz_records /tmp/found fuzz/corpus/records */
#include <stdlib.h>
#include <string.h>

#include "loop/records.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum records_type types[] = {RECORDS_A, RECORDS_AAAA, RECORDS_SRV};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct records r = {.at = NULL};
        char words[200] = "";

        if (records_parse(data, size, types[i], &r, words, sizeof words) < 0)
            must(words[0] != '\0');
        for (size_t k = 0; k < r.n; k++)
            must(strnlen(r.at[k].name, RECORDS_NAME) < RECORDS_NAME);
        free(r.at);
    }
    return 0;
}
