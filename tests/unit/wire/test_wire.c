#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <qhcp/error.h>

#include "wire/schema.h"
#include "wire/wire.h"

static struct wire_message in, out;
static uint8_t buf[LIMIT_FRAME_PAYLOAD + 16];

#define BOOT slice_of("\x01\x02\x03\x04\x05\x06\x07\x08", 8)

/* The smallest valid message of each kind; arrays are empty because statics are zero. */
static void make(uint64_t type)
{
    memset(&in, 0, sizeof in);
    in.type = type;
    switch ((enum wire_type)type) {
    case WIRE_HELLO:
        in.hello = (struct wire_hello){.interval_us = 1000000, .lb_id = slice_str("lb")};
        return;
    case WIRE_ACK:
        in.ack =
            (struct wire_ack){.interval_us = 1000000, .server_id = slice_str("s"), .boot_id = BOOT};
        return;
    case WIRE_HEALTH_REQUEST:
        in.request.seq = 1;
        return;
    case WIRE_HEALTH_RESPONSE:
        in.response = (struct wire_health_response){.boot_id = BOOT, .epoch = 1};
        return;
    case WIRE_CONFIG_UPDATE:
        in.config_update.id = 1;
        return;
    case WIRE_CONFIG_ACK:
        in.config_ack = (struct wire_config_ack){.id = 1, .interval_us = 1000000};
        return;
    case WIRE_ERROR:
        in.error = (struct wire_error){.code = 0x100, .words = slice_str("no error")};
        return;
    case WIRE_TERMINATE:
    case WIRE_TERMINATE_ACK:
        return;
    }
}

static int encode(void)
{
    return wire_encode(&in, buf, sizeof buf);
}

static void every_message_survives_the_way_there_and_back(void **state)
{
    (void)state;
    for (uint64_t type = WIRE_HELLO; type <= WIRE_TERMINATE_ACK; type++) {
        uint8_t again[sizeof buf];
        uint64_t got = 0;
        int n;

        make(type);
        n = encode();
        assert_true(n > 0);
        memset(&out, 0xa5, sizeof out);
        assert_int_equal(wire_decode(buf, (size_t)n, &out, &got), 0);
        assert_int_equal(got, type);
        assert_int_equal(out.type, type);
        assert_int_equal(wire_encode(&out, again, sizeof again), n);
        assert_memory_equal(again, buf, (size_t)n);
    }
}

static void peek_waits_for_the_whole_header(void **state)
{
    static const uint8_t header[] = {0x40, 0x47, 0x80, 0x00, 0x40, 0x00};
    uint64_t type = 7;
    size_t total = 7;

    (void)state;
    for (size_t n = 0; n < sizeof header; n++) {
        assert_int_equal(wire_peek(header, n, &type, &total), QHCP_E_PARTIAL);
        assert_int_equal(type, 7);
        assert_int_equal(total, 7);
    }
    assert_int_equal(wire_peek(header, sizeof header, &type, &total), 0);
    assert_int_equal(type, 0x47);
    assert_int_equal(total, sizeof header + LIMIT_FRAME_PAYLOAD);
}

static void peek_refuses_what_can_never_be_a_frame(void **state)
{
    static const uint8_t large[] = {0x01, 0x80, 0x00, 0x40, 0x01}, longer[] = {0x40, 0x01};
    static const uint8_t length[] = {0x01, 0x40, 0x01};
    uint64_t type;
    size_t total;

    (void)state;
    assert_int_equal(wire_peek(large, sizeof large, &type, &total), QHCP_E_TOO_LARGE);
    assert_int_equal(wire_peek(longer, sizeof longer, &type, &total), QHCP_E_VARINT);
    assert_int_equal(wire_peek(length, sizeof length, &type, &total), QHCP_E_VARINT);
}

static void an_unknown_type_is_reported_and_not_encoded(void **state)
{
    static const uint8_t grease[] = {0x21, 0x02, 0xff, 0xff};
    uint64_t type = 0;

    (void)state;
    assert_int_equal(wire_decode(grease, sizeof grease, &out, &type), 0);
    assert_int_equal(type, 0x21);
    assert_int_equal(out.type, 0x21);
    assert_int_equal(wire_encode(&out, buf, sizeof buf), QHCP_E_VALUE);
    assert_string_equal(wire_type_name(0x21), "frame");
    assert_string_equal(wire_type_name(0), "frame");
    assert_string_equal(wire_type_name(WIRE_CONFIG_ACK), "CONFIG_ACK");
}

static void every_cut_of_the_buffer_is_full(void **state)
{
    int n;

    (void)state;
    make(WIRE_ACK);
    in.ack.metrics.count = 2;
    in.ack.metrics.at[0] = (struct wire_metric){1, slice_str("cpu_usage_percent"), 1};
    in.ack.metrics.at[1] = (struct wire_metric){
        2, slice_str("a_name_of_sixty_bytes_that_makes_the_nested_length_two_bytes"), 1};
    n = encode();
    assert_true(n > 64);
    for (int cap = 0; cap < n; cap++)
        assert_int_equal(wire_encode(&in, buf, (size_t)cap), QHCP_E_FULL);
    assert_int_equal(wire_encode(&in, buf, (size_t)n), n);
}

static void only_entries_in_use_are_read_and_written(void **state)
{
    const uint8_t *unused = (const uint8_t *)&out.response.values.at[1];
    int n;

    (void)state;
    make(WIRE_HEALTH_RESPONSE);
    in.response.values.count = 1;
    in.response.values.at[0] = (struct wire_value){1, 5};
    in.response.values.at[1] = (struct wire_value){0, UINT64_MAX}; /* invalid, and not in use */
    n = encode();
    assert_true(n > 0);
    memset(&out, 0xa5, sizeof out);
    assert_int_equal(wire_decode(buf, (size_t)n, &out, NULL), 0);
    assert_int_equal(out.response.values.count, 1);
    for (size_t i = 0; i < sizeof(struct wire_value); i++)
        assert_int_equal(unused[i], 0xa5);
}

static void encoding_refuses_what_decoding_refuses(void **state)
{
    (void)state;
    make(WIRE_HELLO);
    in.hello.interval_us = LIMIT_INTERVAL_MIN_US - 1;
    assert_int_equal(encode(), QHCP_E_VALUE);
    in.hello.interval_us++;
    assert_true(encode() > 0);
    in.hello.lb_id = slice_of("a\x1b[2J", 5);
    assert_int_equal(encode(), QHCP_E_UTF8);
    in.hello.lb_id = slice_of(buf, LIMIT_ID + 1);
    assert_int_equal(encode(), QHCP_E_TOO_LARGE);
    in.hello.lb_id = slice_of("", 0);
    assert_int_equal(encode(), QHCP_E_VALUE);
    make(WIRE_HELLO);
    in.hello.push = 2;
    assert_int_equal(encode(), QHCP_E_VALUE);
    in.hello.push = 1;
    assert_true(encode() > 0);
    in.hello.has = WIRE_HAS_TOKEN; /* the bit is set and the token is empty */
    assert_int_equal(encode(), QHCP_E_VALUE);
    in.hello.token = slice_str("a.b.c");
    assert_true(encode() > 0);
    in.hello.metrics.count = LIMIT_METRICS + 1;
    assert_int_equal(encode(), QHCP_E_TOO_MANY);
}

static void encoding_refuses_lists_that_do_not_ascend(void **state)
{
    (void)state;
    make(WIRE_HEALTH_RESPONSE);
    in.response.values.count = 2;
    in.response.values.at[0] = (struct wire_value){2, 5};
    in.response.values.at[1] = (struct wire_value){1, 5};
    assert_int_equal(encode(), QHCP_E_KEY_ORDER);
    in.response.values.at[1].number = 2;
    assert_int_equal(encode(), QHCP_E_KEY_DUPLICATE);
    in.response.values.at[1].number = 3;
    assert_true(encode() > 0);
    in.response.values.count = LIMIT_METRICS + 1;
    assert_int_equal(encode(), QHCP_E_TOO_MANY);
    make(WIRE_ACK);
    in.ack.metrics.count = 2;
    in.ack.metrics.at[0] = in.ack.metrics.at[1] = (struct wire_metric){64, slice_str("a"), 0};
    assert_int_equal(encode(), QHCP_E_VALUE);
    in.ack.metrics.at[1].number = 65;
    assert_true(encode() > 0);
    in.ack.metrics.count = SIZE_MAX;
    assert_int_equal(encode(), QHCP_E_TOO_MANY);
}

static void a_status_that_is_not_serving_needs_its_reason(void **state)
{
    (void)state;
    make(WIRE_HEALTH_RESPONSE);
    in.response.status = 2;
    assert_int_equal(encode(), QHCP_E_KEY_MISSING);
    in.response.has = WIRE_HAS_REASON;
    in.response.reason = slice_str("SIGTERM");
    assert_true(encode() > 0);
}

static void an_empty_replacement_of_the_metrics_cannot_be_said(void **state)
{
    (void)state;
    make(WIRE_CONFIG_UPDATE);
    in.config_update.metrics.count = 1; /* not in use without the bit */
    in.config_update.metrics.at[0] = 1;
    assert_int_equal(encode(), 4); /* type, length, id */
    in.config_update.has = WIRE_HAS_METRICS;
    assert_int_equal(encode(), 6);
    in.config_update.metrics.count = 0;
    assert_int_equal(encode(), QHCP_E_VALUE);
}

static void numbers_that_are_no_varints_are_refused(void **state)
{
    (void)state;
    make(WIRE_HEALTH_REQUEST);
    in.request.seq = (UINT64_C(1) << 62) - 1;
    assert_true(encode() > 0);
    in.request.seq++;
    assert_int_equal(encode(), QHCP_E_VALUE);
    make(WIRE_HEALTH_RESPONSE);
    in.response.values.count = 1;
    in.response.values.at[0] = (struct wire_value){64, UINT64_C(1) << 62};
    assert_int_equal(encode(), QHCP_E_VALUE);
}

/* As large as the limits allow at once. */
static void fill_texts(struct wire_texts *t, size_t count, size_t size)
{
    static char text[LIMIT_TOKEN];

    memset(text, 'x', sizeof text);
    t->count = count;
    for (size_t i = 0; i < count; i++)
        t->at[i] = slice_of(text, size);
}

static void the_largest_hello_fits_a_frame(void **state)
{
    struct wire_texts text;
    int n;

    (void)state;
    make(WIRE_HELLO);
    fill_texts(&text, 1, LIMIT_TOKEN);
    in.hello.token = text.at[0];
    in.hello.has = WIRE_HAS_TOKEN;
    in.hello.lb_id = slice_of(text.at[0].p, LIMIT_ID);
    fill_texts(&in.hello.metric_names, LIMIT_METRICS, LIMIT_NAME);
    in.hello.metrics.count = LIMIT_METRICS;
    for (size_t i = 0; i < LIMIT_METRICS; i++)
        in.hello.metrics.at[i] = UINT64_C(1) << 60;
    n = encode();
    assert_true(n > 8192 + 2048);
    assert_int_equal(wire_decode(buf, (size_t)n, &out, NULL), 0);
    assert_int_equal(out.hello.metric_names.count, LIMIT_METRICS);
}

static void the_metrics_that_fit_a_session_fit_a_datagram(void **state)
{
    (void)state;
    make(WIRE_HEALTH_RESPONSE);
    in.response.has = WIRE_HAS_SEQ | WIRE_HAS_REASON;
    in.response.seq = in.response.epoch = UINT64_C(1) << 61;
    in.response.reason = slice_of("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 40);
    in.response.status = 3;
    in.response.processing_us = LIMIT_DURATION_MAX_US;
    in.response.values.count = LIMIT_METRICS;
    for (size_t i = 0; i < LIMIT_METRICS; i++)
        in.response.values.at[i] = (struct wire_value){64 + i, UINT64_C(1) << 61};
    assert_in_range(encode(), 300, LIMIT_DATAGRAM);
}

/* The rows themselves: a slip in a table is found here and not on the wire. */
static void check_rows(const struct schema *s)
{
    assert_non_null(s->name);
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];

        assert_true(i == 0 || f->key > s->fields[i - 1].key);
        assert_int_equal(f->key & 1, f->kind != SCHEMA_NUMBER);
        assert_true(f->min <= f->max);
        assert_non_null(f->name);
        assert_non_null(f->doc);
        assert_true(f->has == 0 || (s->has && !f->required));
        assert_true(f->most == 0 || f->items > f->offset);
        if (f->kind == SCHEMA_LIST)
            check_rows(f->list);
    }
}

/* No message that keeps to its rows can be larger; the encoder counts on it. */
static size_t largest(const struct schema *s)
{
    size_t sum = 0;

    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];
        size_t content = f->kind == SCHEMA_NUMBER   ? 0
                         : f->kind == SCHEMA_LIST   ? largest(f->list)
                         : f->kind == SCHEMA_VALUES ? LIMIT_METRICS * 16
                                                    : (size_t)f->max;

        if (f->has != WIRE_HAS_REVOCATIONS) /* which stands alone: the_longest_list_fits_a_frame */
            sum += (f->most ? f->most : 1u) * (1 + 8 + content);
    }
    return sum;
}

static void the_largest_of_each_message_fits_a_frame(void **state)
{
    (void)state;
    for (uint64_t type = WIRE_HELLO; type <= WIRE_TERMINATE_ACK; type++)
        assert_in_range(largest(schema_by_type(type)), 1, LIMIT_FRAME_PAYLOAD);
}

static void the_longest_list_fits_a_frame(void **state)
{
    static uint8_t list[LIMIT_REVOCATIONS];
    int n;

    (void)state;
    make(WIRE_CONFIG_UPDATE);
    in.config_update.id = UINT64_C(1) << 61;
    in.config_update.has = WIRE_HAS_REVOCATIONS;
    in.config_update.revocations = slice_of(list, sizeof list);
    n = encode();
    assert_true(n > LIMIT_REVOCATIONS);
    assert_int_equal(wire_decode(buf, (size_t)n, &out, NULL), 0);
    assert_int_equal(out.config_update.revocations.n, sizeof list);
}

static void rows_are_in_order_and_keys_fit_their_kind(void **state)
{
    (void)state;
    for (uint64_t type = WIRE_HELLO; type <= WIRE_TERMINATE_ACK; type++) {
        const struct schema *s = schema_by_type(type);

        assert_non_null(s);
        assert_int_equal(s->type, type);
        assert_non_null(s->doc);
        check_rows(s);
    }
    assert_null(schema_by_type(0));
    assert_null(schema_by_type(WIRE_TERMINATE_ACK + 1));
    assert_null(schema_by_type(UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_way_there_and_back),
        cmocka_unit_test(peek_waits_for_the_whole_header),
        cmocka_unit_test(peek_refuses_what_can_never_be_a_frame),
        cmocka_unit_test(an_unknown_type_is_reported_and_not_encoded),
        cmocka_unit_test(every_cut_of_the_buffer_is_full),
        cmocka_unit_test(only_entries_in_use_are_read_and_written),
        cmocka_unit_test(encoding_refuses_what_decoding_refuses),
        cmocka_unit_test(encoding_refuses_lists_that_do_not_ascend),
        cmocka_unit_test(a_status_that_is_not_serving_needs_its_reason),
        cmocka_unit_test(an_empty_replacement_of_the_metrics_cannot_be_said),
        cmocka_unit_test(numbers_that_are_no_varints_are_refused),
        cmocka_unit_test(the_largest_hello_fits_a_frame),
        cmocka_unit_test(the_largest_of_each_message_fits_a_frame),
        cmocka_unit_test(the_longest_list_fits_a_frame),
        cmocka_unit_test(the_metrics_that_fit_a_session_fit_a_datagram),
        cmocka_unit_test(rows_are_in_order_and_keys_fit_their_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
