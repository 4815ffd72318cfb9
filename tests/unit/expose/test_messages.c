/* Protocol Buffers, the messages of gRPC health checks and of ORCA, and what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "expose/grpc_message.h"
#include "expose/protobuf.h"
#include "wire/registry.h"

#define BYTES(s) ((struct slice){(const uint8_t *)(s), sizeof(s) - 1})

static void what_was_written_is_read(void **state)
{
    static const uint64_t numbers[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX};
    struct protobuf_field f;
    struct text t = {0};
    struct slice in;
    double d;

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        protobuf_put_varint(&t, (uint32_t)i + 1, numbers[i]);
    protobuf_put_double(&t, 100, -0.25);
    protobuf_put_double(&t, 101, 0); /* left out */
    protobuf_put_bytes(&t, 536870911, slice_str("words"));
    in = slice_of(t.at, t.n);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(protobuf_next(&in, &f), 1);
        assert_int_equal(f.number, i + 1);
        assert_true(f.value == numbers[i]);
    }
    assert_int_equal(protobuf_next(&in, &f), 1);
    memcpy(&d, &f.value, sizeof d);
    assert_true(f.kind == PROTOBUF_FIXED64 && d == -0.25);
    assert_int_equal(protobuf_next(&in, &f), 1);
    assert_true(f.number == 536870911 && slice_equal(f.bytes, slice_str("words")));
    assert_int_equal(protobuf_next(&in, &f), 0);
    text_deinit(&t);
}

/* Each is the one before it with one thing wrong. */
static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        struct slice good, bad;
    } pairs[] = {
        {BYTES("\x08\x01"), BYTES("\x08")},
        {BYTES("\x08\x01"), BYTES("\x00\x01")},                 /* field 0 */
        {BYTES("\x0a\x01x"), BYTES("\x0a\x02x")},               /* longer than the input */
        {BYTES("\x0d\1\2\3\4"), BYTES("\x0d\1\2\3")},           /* fixed 32 */
        {BYTES("\x09\1\2\3\4\5\6\7\x08"), BYTES("\x09\1\2\3")}, /* fixed 64 */
        {BYTES("\x08\x01"), BYTES("\x0b\x01")},                 /* a group */
        {BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
         BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")}, /* more than 64 bits */
        {BYTES("\xf8\xff\xff\xff\x0f\x01"), BYTES("\xf8\xff\xff\xff\x1f\x01")}, /* 2^29 */
    };
    struct protobuf_field f;

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct slice good = pairs[i].good, bad = pairs[i].bad;

        assert_int_equal(protobuf_next(&good, &f), 1);
        assert_int_equal(good.n, 0);
        assert_int_equal(protobuf_next(&bad, &f), QHCP_E_PARSE);
    }
}

static void a_request_is_one_frame(void **state)
{
    static const struct {
        struct slice request;
        enum grpc_status status;
    } rows[] = {
        {BYTES("\0\0\0\0\2ab"), GRPC_OK},
        {BYTES("\0\0\0\0\0"), GRPC_OK},
        {BYTES("\0\0\0\0\2a"), GRPC_INTERNAL},
        {BYTES("\0\0\0\0\2abc"), GRPC_INTERNAL},
        {BYTES("\0\0\0\0"), GRPC_INTERNAL},
        {BYTES(""), GRPC_INTERNAL},
        {BYTES("\1\0\0\0\2ab"), GRPC_UNIMPLEMENTED},
        {BYTES("\2\0\0\0\2ab"), GRPC_INTERNAL},
        {BYTES("\0\1\0\0\2ab"), GRPC_INTERNAL},
    };
    struct slice message;
    const char *words;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(grpc_message_unframe(rows[i].request, &message, &words), rows[i].status);
    assert_int_equal(grpc_message_unframe(rows[0].request, &message, &words), GRPC_OK);
    assert_true(slice_equal(message, slice_str("ab")));
}

static void a_request_names_a_service_or_none(void **state)
{
    struct slice s;

    (void)state;
    assert_int_equal(grpc_message_service(BYTES(""), &s), 0);
    assert_int_equal(s.n, 0);
    assert_int_equal(grpc_message_service(BYTES("\x0a\3abc"), &s), 0);
    assert_true(slice_equal(s, slice_str("abc")));
    /* Unknown fields are skipped, and of several the last one counts. */
    assert_int_equal(grpc_message_service(BYTES("\x0a\1x\x10\5\x0a\1y"), &s), 0);
    assert_true(slice_equal(s, slice_str("y")));
    assert_int_equal(grpc_message_service(BYTES("\x0a\4abc"), &s), QHCP_E_PARSE);
}

static qhcp_nsec interval_of(struct slice message)
{
    qhcp_nsec interval = 1;

    assert_int_equal(grpc_message_interval(message, &interval), 0);
    return interval;
}

static void an_interval_is_read_and_a_bad_one_is_none(void **state)
{
    qhcp_nsec ignored;

    (void)state;
    assert_true(interval_of(BYTES("")) == 0);
    assert_true(interval_of(BYTES("\x0a\x02\x08\x05")) == 5 * NSEC_PER_SEC);
    assert_true(interval_of(BYTES("\x0a\x04\x08\x01\x10\x07")) == NSEC_PER_SEC + 7);
    assert_true(interval_of(BYTES("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")) == 0);
    assert_true(interval_of(BYTES("\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f")) ==
                24 * 3600 * NSEC_PER_SEC);
    assert_int_equal(grpc_message_interval(BYTES("\x0a\x01\x08"), &ignored), QHCP_E_PARSE);
}

/* The bytes of the one frame in *t. */
static struct slice framed(const struct text *t)
{
    struct slice message;
    const char *words;

    assert_int_equal(grpc_message_unframe(slice_of(t->at, t->n), &message, &words), GRPC_OK);
    return message;
}

/* The double in field `number`, or of `name` in the map that this field is; -1: it is not there. */
static double figure(struct slice m, uint32_t number, const char *name)
{
    struct protobuf_field f, g;
    double d = -1;

    while (protobuf_next(&m, &f) > 0) {
        struct slice entry = f.bytes;
        bool same = false;

        if (f.number != number)
            continue;
        if (!name)
            memcpy(&d, &f.value, sizeof d);
        while (name && protobuf_next(&entry, &g) > 0) {
            same |= g.number == 1 && slice_equal(g.bytes, slice_str(name));
            if (same && g.number == 2)
                memcpy(&d, &g.value, sizeof d);
        }
    }
    return d;
}

static void a_report_has_each_metric_where_orca_wants_it(void **state)
{
    static const struct qhcp_value values[] = {
        {"cpu_usage_percent", WIRE_UNIT_PERCENT, 12345},
        {"memory_usage_percent", WIRE_UNIT_PERCENT, 10001},
        {"application_utilization_percent", WIRE_UNIT_PERCENT, 15000},
        {"requests_per_second", WIRE_UNIT_MILLI, 2500},
        {"errors_per_second", WIRE_UNIT_MILLI, 1},
        {"disk_usage_percent", WIRE_UNIT_PERCENT, 5000},
        {"_percent", WIRE_UNIT_PERCENT, 20000},
        {"request_latency_p50_us", WIRE_UNIT_USEC, 1500},
        {"queue", WIRE_UNIT_NONE, 7},
    };
    struct text t = {0};
    struct slice m;

    (void)state;
    grpc_message_report(&t, values, sizeof values / sizeof values[0]);
    m = framed(&t);
    assert_true(figure(m, 1, NULL) == 1.2345);
    assert_true(figure(m, 2, NULL) == 1); /* from 0 to 1 */
    assert_true(figure(m, 9, NULL) == 1.5);
    assert_true(figure(m, 6, NULL) == 2.5);
    assert_true(figure(m, 7, NULL) == 0.001);
    assert_true(figure(m, 5, "disk_usage") == 0.5);
    assert_true(figure(m, 5, "_percent") == 1); /* from 0 to 1, and a name stays a name */
    assert_true(figure(m, 8, "request_latency_p50_us") == 1500);
    assert_true(figure(m, 8, "queue") == 7);
    assert_true(figure(m, 8, "disk_usage") == -1);
    text_deinit(&t);
}

static enum facts_health of(const struct facts *f, const char *name)
{
    return facts_health_of(f, slice_str(name));
}

static void a_part_is_out_for_itself_or_with_the_whole(void **state)
{
    static const char *const services[] = {"tcp:80"};
    struct facts f = {.services = services, .n_services = 1};

    (void)state;
    f.view.n_checks = 2;
    strcpy(f.view.checks[0].name, "a");
    strcpy(f.view.checks[1].name, "b");
    f.view.checks[0].status = QHCP_NOT_SERVING;
    f.view.checks[1].status = QHCP_STATUS_DEGRADED;
    f.view.status = QHCP_NOT_SERVING; /* the worst of both */
    assert_int_equal(of(&f, ""), FACTS_NOT_SERVING);
    assert_int_equal(of(&f, "tcp:80"), FACTS_NOT_SERVING);
    assert_int_equal(of(&f, "a"), FACTS_NOT_SERVING);
    assert_int_equal(of(&f, "b"), FACTS_SERVING);
    assert_int_equal(of(&f, "c"), FACTS_UNKNOWN);
    f.view.checks[0].status = QHCP_SERVING;
    f.view.status = QHCP_STATUS_DEGRADED;
    assert_int_equal(of(&f, ""), FACTS_SERVING);
    assert_int_equal(of(&f, "a"), FACTS_SERVING);
    f.view.status = f.view.set_status = QHCP_STATUS_DRAINING;
    assert_int_equal(of(&f, ""), FACTS_NOT_SERVING);
    assert_int_equal(of(&f, "a"), FACTS_NOT_SERVING);
    assert_int_equal(facts_count(&f), 4);
    assert_true(slice_equal(facts_name(&f, 3), slice_str("tcp:80")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(a_request_is_one_frame),
        cmocka_unit_test(a_request_names_a_service_or_none),
        cmocka_unit_test(an_interval_is_read_and_a_bad_one_is_none),
        cmocka_unit_test(a_report_has_each_metric_where_orca_wants_it),
        cmocka_unit_test(a_part_is_out_for_itself_or_with_the_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
