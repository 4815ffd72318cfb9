/* What strangers send to `qhcp server --http-listen`, as far as we read it ourselves: the head of
 * an HTTP/1.1 request, gRPC's frame, and messages of Protocol Buffers.  The first byte chooses.
 * (HTTP/2 is nghttp2's.) */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "expose/grpc_message.h"
#include "expose/http_head.h"
#include "expose/protobuf.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool within(struct slice part, struct slice whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* A head that is whole is so whatever follows, and no part of it is taken for a whole one. */
static void fuzz_head(struct slice in)
{
    struct http_head h, again;
    int n = http_head_parse(in, &h);

    must(n == 0 || n == -400 || n == -413 || n == -431 || n == -505 ||
         (n > 0 && (size_t)n <= in.n && n <= HTTP_HEAD_MAX));
    must(n != 0 || in.n < HTTP_HEAD_MAX);
    if (n <= 0)
        return;
    must(within(h.method, in) && within(h.target, in) && h.target.p[0] == '/');
    must(memcmp(in.p + n - 4, "\r\n\r\n", 4) == 0);
    must(http_head_parse(slice_of(in.p, (size_t)n), &again) == n);
    must(http_head_parse(slice_of(in.p, (size_t)n - 1), &again) == 0);
}

static void fuzz_message(struct slice in)
{
    struct slice left = in, service;
    struct protobuf_field f;
    qhcp_nsec interval;
    int r;

    while ((r = protobuf_next(&left, &f)) > 0)
        must(f.number > 0 && within(left, in) && (f.kind != PROTOBUF_BYTES || within(f.bytes, in)));
    must(r == 0 || r == QHCP_E_PARSE);
    must(grpc_message_service(in, &service) == r);
    must(r < 0 || within(service, in));
    if (grpc_message_interval(in, &interval) == 0)
        must(r == 0 && interval <= (24 * 3600 + 1) * NSEC_PER_SEC);
}

static void fuzz_frame(struct slice in)
{
    struct slice message;
    const char *words = NULL;

    if (grpc_message_unframe(in, &message, &words) == GRPC_OK) {
        must(within(message, in) && message.n + GRPC_FRAME == in.n);
        fuzz_message(message);
    } else {
        must(words && words[0] != '\0');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const parts[])(struct slice) = {fuzz_head, fuzz_message, fuzz_frame};

    if (size > 0)
        parts[data[0] % 3](slice_of(data + 1, size - 1));
    return 0;
}
