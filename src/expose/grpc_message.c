#include "expose/grpc_message.h"

#include "expose/protobuf.h"
#include "wire/registry.h"

#define INTERVAL_MAX_S (UINT64_C(24) * 3600)

/* One message and nothing behind it; else why not. */
enum grpc_status grpc_message_unframe(struct slice request, struct slice *ret,
                                      const char **ret_words)
{
    uint32_t n;

    *ret_words = "a request is one message in one frame";
    if (request.n < GRPC_FRAME)
        return GRPC_INTERNAL;
    n = (uint32_t)request.p[1] << 24 | (uint32_t)request.p[2] << 16 | (uint32_t)request.p[3] << 8 |
        request.p[4];
    if (request.p[0] != 0) {
        *ret_words = "compressed requests are not supported";
        return request.p[0] == 1 ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL;
    }
    if (n != request.n - GRPC_FRAME)
        return GRPC_INTERNAL;
    *ret = slice_of(request.p + GRPC_FRAME, n);
    return GRPC_OK;
}

int grpc_message_service(struct slice in, struct slice *ret)
{
    struct protobuf_field f;
    struct slice service = {NULL, 0};
    int r;

    while ((r = protobuf_next(&in, &f)) > 0)
        if (f.number == 1 && f.kind == PROTOBUF_BYTES)
            service = f.bytes; /* of several the last one counts */
    if (r == 0)
        *ret = service;
    return r;
}

/* google.protobuf.Duration: seconds and nanoseconds, either may be negative. */
static int read_duration(struct slice in, qhcp_nsec *ret)
{
    uint64_t seconds = 0, nanos = 0;
    struct protobuf_field f;
    int r;

    while ((r = protobuf_next(&in, &f)) > 0) {
        if (f.number == 1 && f.kind == PROTOBUF_VARINT)
            seconds = f.value;
        if (f.number == 2 && f.kind == PROTOBUF_VARINT)
            nanos = f.value;
    }
    if (r < 0)
        return r;
    if ((int64_t)seconds < 0 || nanos >= NSEC_PER_SEC)
        *ret = 0;
    else
        *ret = (seconds < INTERVAL_MAX_S ? seconds : INTERVAL_MAX_S) * NSEC_PER_SEC + nanos;
    return 0;
}

int grpc_message_interval(struct slice in, qhcp_nsec *ret)
{
    qhcp_nsec interval = 0;
    struct protobuf_field f;
    int r;

    while ((r = protobuf_next(&in, &f)) > 0) {
        if (f.number != 1 || f.kind != PROTOBUF_BYTES)
            continue;
        r = read_duration(f.bytes, &interval);
        if (r < 0)
            return r;
    }
    if (r == 0)
        *ret = interval;
    return r;
}

/* A frame with what is in *message, which is freed. */
static void put_frame(struct text *t, struct text *message)
{
    char head[GRPC_FRAME] = {0};

    for (size_t i = 0; i < 4; i++)
        head[1 + i] = (char)(message->n >> (24 - 8 * i));
    text_bytes(t, head, sizeof head);
    text_bytes(t, message->at, message->n);
    t->failed |= message->failed;
    text_deinit(message);
}

void grpc_message_health(struct text *t, enum facts_health health)
{
    struct text m = {0};

    protobuf_put_varint(&m, 1, health);
    put_frame(t, &m);
}

/* An entry of a map: a message with its key as 1 and its value as 2.  *value is freed. */
static void put_entry(struct text *m, uint32_t number, struct slice key, struct text *value)
{
    struct text entry = {0};

    protobuf_put_bytes(&entry, 1, key);
    text_bytes(&entry, value->at, value->n);
    protobuf_put_bytes(m, number, slice_of(entry.at, entry.n));
    m->failed |= entry.failed || value->failed;
    text_deinit(&entry);
    text_deinit(value);
}

void grpc_message_list(struct text *t, const struct facts *f)
{
    struct text m = {0};

    for (size_t i = 0; i < facts_count(f); i++) {
        struct slice name = facts_name(f, i);
        struct text status = {0}, value = {0};

        protobuf_put_varint(&status, 1, facts_health_of(f, name));
        protobuf_put_bytes(&value, 2, slice_of(status.at, status.n));
        text_deinit(&status);
        put_entry(&m, 1, name, &value);
    }
    put_frame(t, &m);
}

enum { MEMORY = 2, UTILIZATION = 5, NAMED = 8 };

/* OrcaLoadReport's field for a registered metric; 0: it has none. */
static uint32_t field_of(const char *name)
{
    static const struct {
        const char *name;
        uint32_t number;
    } fields[] = {
        {"cpu_usage_percent", 1},
        {"memory_usage_percent", MEMORY},
        {"requests_per_second", 6},
        {"errors_per_second", 7},
        {"application_utilization_percent", 9},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(name, fields[i].name) == 0)
            return fields[i].number;
    return 0;
}

static void put_named(struct text *m, uint32_t number, struct slice name, double v)
{
    struct text value = {0};

    protobuf_put_double(&value, 2, v);
    put_entry(m, number, name, &value);
}

/* "disk_usage_percent" is utilization["disk_usage"].  A part of a resource is from 0 to 1; only the
 * CPU's and the application's may be above. */
static void put_value(struct text *m, const struct qhcp_value *v)
{
    static const char percent[] = "_percent";
    bool part = v->unit == WIRE_UNIT_PERCENT;
    double x = part ? facts_figure(v) / 100 : facts_figure(v);
    uint32_t number = field_of(v->name);
    struct slice name = slice_str(v->name);

    if (number > 0) {
        protobuf_put_double(m, number, number == MEMORY && x > 1 ? 1 : x);
    } else if (part) {
        if (name.n > strlen(percent) && strcmp(v->name + name.n - strlen(percent), percent) == 0)
            name.n -= strlen(percent);
        put_named(m, UTILIZATION, name, x < 1 ? x : 1);
    } else {
        put_named(m, NAMED, name, x);
    }
}

void grpc_message_report(struct text *t, const struct qhcp_value *values, size_t n)
{
    struct text m = {0};

    for (size_t i = 0; i < n; i++)
        put_value(&m, &values[i]);
    put_frame(t, &m);
}
