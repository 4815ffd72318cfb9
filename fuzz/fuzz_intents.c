/* The file of intents: any text is records and lines that are left out, and what was read is
 * written and read again as it was.
 *
 * ./run_quic.sh fuzz */
#include <stdlib.h>
#include <string.h>

#include "daemon/intents.h"

#define NOW INT64_C(1700000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
    if (!ok)
        abort();
}

static char *written(struct intents *all)
{
    struct text t = {0};

    intents_write(all, NOW, &t);
    text_add(&t, "");
    must(!t.failed);
    return t.at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct intents first = {NULL}, second = {NULL};
    char *text = strndup((const char *)data, size), *once, *again;

    must(text != NULL);
    (void)intents_read(&first, text, NOW);
    once = written(&first);
    must(intents_read(&second, once, NOW) == 0);
    again = written(&second);
    must(strcmp(once, again) == 0);
    intents_deinit(&first);
    intents_deinit(&second);
    free(text);
    free(once);
    free(again);
    return 0;
}
