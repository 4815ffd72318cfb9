/* What `qhcp support` leaves out (src/cli/redact.c).
 *
 * Input: any text.  Besides memory and undefined behaviour: what comes out has no private key in
 * PEM and no run of letters that looks like a key, but behind "sha256:".
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude -Isrc \
 *   fuzz/fuzz_redact.c src/cli/redact.c src/base/text.c src/base/utf8.c -o fuzz_redact
 * ./fuzz_redact /tmp/found fuzz/corpus/redact */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_-=";

/* No run without a slash, which paths have, is as long as a key and mixed like one. */
static void check_runs(const char *text)
{
    for (const char *p = text; *p != '\0';) {
        size_t n = strspn(p, letters), upper = 0, lower = 0, digit = 0;
        int public = p - text >= 7 && strncmp(p - 7, "sha256:", 7) == 0;

        for (size_t i = 0; i < n; i++) {
            upper += p[i] >= 'A' && p[i] <= 'Z';
            lower += p[i] >= 'a' && p[i] <= 'z';
            digit += p[i] >= '0' && p[i] <= '9';
        }
        if (n >= REDACT_RUN && upper > 0 && lower > 0 && digit > 0 && !public &&
            (p == text || p[-1] != '/'))
            abort();
        p += n > 0 ? n : 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct text t = {0};

    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    text_add(&t, "");
    redact_text(&t, text);
    if (!strstr(t.at, "sha256:") && !strchr(t.at, '/'))
        check_runs(t.at);
    text_deinit(&t);
    free(text);
    return 0;
}
