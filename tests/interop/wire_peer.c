/* The C side of tests/interop/test_wire.py.
 *
 *     wire-peer decode           a frame in hexadecimal a line on standard input; for each:
 *                                "field: ..." lines and "again: HEX", or "error: NAME"; then "."
 *     wire-peer generate SEED N  N random valid messages: "frame: HEX", "field: ..." lines, "."
 *
 * Messages are made member by member, not from the schema's rows, which are under test. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qhcp/error.h>

#include "../vectors/dump.h"
#include "../vectors/vector.h"

static struct wire_message message;
static uint8_t frame[VECTOR_FRAME];

static void print_hex(const char *label, const uint8_t *p, size_t n)
{
    fputs(label, stdout);
    for (size_t i = 0; i < n; i++)
        printf("%02x", p[i]);
    putchar('\n');
}

static void decode_one(const char *line)
{
    int n = vector_hex(line, frame, sizeof frame);
    uint8_t *copy;
    int r;

    if (n < 0) {
        puts("error: HEX\n.");
        return;
    }
    copy = malloc(n ? (size_t)n : 1);
    if (!copy)
        abort();
    memcpy(copy, frame, (size_t)n);
    memset(&message, 0xa5, sizeof message);
    r = wire_decode(copy, (size_t)n, &message, NULL);
    if (r < 0)
        printf("error: %s\n", dump_error(r));
    else {
        dump_message(stdout, "field: ", &message);
        n = wire_encode(&message, frame, sizeof frame);
        if (n > 0)
            print_hex("again: ", frame, (size_t)n);
        else
            printf("again: %s\n", dump_error(n));
    }
    puts(".");
    free(copy);
}

static int decode_all(void)
{
    char *line = NULL;
    size_t cap = 0;

    while (getline(&line, &cap, stdin) >= 0) {
        decode_one(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}

/* Random members: xorshift64*, so that a seed gives the same messages everywhere. */
static uint64_t state;

static uint64_t draw(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static uint64_t below(uint64_t n)
{
    return (draw() >> 16) % n;
}

static uint64_t between(uint64_t lo, uint64_t hi)
{
    static const int bits[] = {6, 14, 30, 62};
    uint64_t v = draw() >> (64 - bits[below(4)]);

    if (below(6) == 0)
        return below(2) ? lo : hi;
    return v < lo ? lo : v > hi ? hi : v;
}

#define NUMBER_MAX ((UINT64_C(1) << 62) - 1)

static struct slice text(size_t lo, size_t hi)
{
    static char pool[64][LIMIT_TOKEN];
    static unsigned next;
    static const char *const words[] = {"a", "Z",      " ",      "\"",        "\\",
                                        "~", "\u00e9", "\u20ac", "\U0001d11e"};
    char *p = pool[next++ % 64];
    size_t want = below(20) == 0 ? hi : lo + below((hi < 40 ? hi : 40) - lo + 1), n = 0;

    while (n + 4 <= want) {
        const char *w = words[below(sizeof words / sizeof words[0])];

        memcpy(p + n, w, strlen(w));
        n += strlen(w);
    }
    while (n < want)
        p[n++] = 'x';
    return slice_of(p, n);
}

static struct slice name(void)
{
    static char pool[64][LIMIT_NAME];
    static unsigned next;
    char *p = pool[next++ % 64];
    size_t n = 1 + below(below(4) ? 8 : LIMIT_NAME);

    for (size_t i = 0; i < n; i++)
        p[i] = "abcz059_"[below(8)];
    return slice_of(p, n);
}

static struct slice boot_id(void)
{
    static uint8_t id[LIMIT_BOOT_ID];

    for (size_t i = 0; i < sizeof id; i++)
        id[i] = (uint8_t)(draw() >> 32);
    return slice_of(id, sizeof id);
}

static size_t some(size_t most)
{
    return below(2) ? 0 : below(8) ? below(most < 4 ? most : 4) : most;
}

static void numbers(struct wire_numbers *list, uint64_t lo, uint64_t hi, size_t most)
{
    list->count = some(most);
    for (size_t i = 0; i < list->count; i++)
        list->at[i] = between(lo, hi);
}

static void names(struct wire_texts *list)
{
    list->count = some(LIMIT_METRICS);
    for (size_t i = 0; i < list->count; i++)
        list->at[i] = name();
}

static void metrics(struct wire_metrics *list)
{
    uint64_t number = 0;

    list->count = some(LIMIT_METRICS);
    for (size_t i = 0; i < list->count; i++) {
        number += 1 + below(below(4) ? 4 : 1000000);
        list->at[i] = (struct wire_metric){number, name(), between(0, NUMBER_MAX)};
    }
}

static uint64_t interval_or_none(void)
{
    return below(2) ? between(LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US) : 0;
}

static void hello(struct wire_hello *m)
{
    m->has = below(2) ? WIRE_HAS_TOKEN : 0;
    m->interval_us = between(LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US);
    m->lb_id = text(1, LIMIT_ID);
    m->push = below(2);
    m->token = text(1, LIMIT_TOKEN);
    numbers(&m->metrics, 1, NUMBER_MAX / 2, LIMIT_METRICS);
    names(&m->metric_names);
    numbers(&m->extensions, 0, NUMBER_MAX, LIMIT_EXTENSIONS);
    m->beat_us = interval_or_none();
}

static void ack(struct wire_ack *m)
{
    m->interval_us = between(LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US);
    m->server_id = text(1, LIMIT_ID);
    m->processing_us = between(0, LIMIT_PROCESSING_MAX_US);
    m->boot_id = boot_id();
    m->push = below(2);
    metrics(&m->metrics);
    numbers(&m->extensions, 0, NUMBER_MAX, LIMIT_EXTENSIONS);
    m->services.count = some(LIMIT_SERVICES);
    for (size_t i = 0; i < m->services.count; i++)
        m->services.at[i] = text(1, LIMIT_SERVICE);
    m->revoked = below(2) ? between(1, NUMBER_MAX) : 0;
    m->beat_us = interval_or_none();
}

static void values(struct wire_values *list)
{
    uint64_t number = 0;

    list->count = some(LIMIT_METRICS);
    for (size_t i = 0; i < list->count; i++) {
        number += 1 + below(below(4) ? 4 : 1000000);
        list->at[i] =
            (struct wire_value){number, number < 12 ? below(10001) : between(0, NUMBER_MAX)};
    }
}

static void response(struct wire_health_response *m)
{
    static const uint64_t outcomes[] = {0, 1, 3};

    m->has =
        (below(2) ? WIRE_HAS_REASON : 0) | (uint32_t[]){0, WIRE_HAS_SEQ, WIRE_HAS_BEAT}[below(3)];
    m->beat = between(1, NUMBER_MAX);
    m->seq = between(1, NUMBER_MAX);
    m->boot_id = boot_id();
    m->epoch = between(1, NUMBER_MAX);
    values(&m->values);
    m->status = m->has & WIRE_HAS_REASON ? below(5) : 0;
    m->reason = text(1, LIMIT_REASON);
    m->processing_us = between(0, LIMIT_DURATION_MAX_US);
    m->checks.count = some(LIMIT_CHECKS);
    for (size_t i = 0; i < m->checks.count; i++) {
        struct wire_check *c = &m->checks.at[i];

        *c = (struct wire_check){.status = outcomes[below(3)],
                                 .name = text(1, LIMIT_NAME),
                                 .duration_us = between(0, LIMIT_DURATION_MAX_US),
                                 .reason = text(0, LIMIT_REASON)};
    }
}

static void config_update(struct wire_config_update *m)
{
    m->has = (uint32_t)draw() & (WIRE_HAS_INTERVAL | WIRE_HAS_TOKEN | WIRE_HAS_METRICS |
                                 WIRE_HAS_PUSH | WIRE_HAS_BEAT);
    m->beat_us = between(0, LIMIT_DURATION_MAX_US);
    m->id = between(1, NUMBER_MAX);
    m->interval_us = between(0, LIMIT_DURATION_MAX_US);
    m->token = text(1, LIMIT_TOKEN);
    numbers(&m->metrics, 1, NUMBER_MAX / 2, LIMIT_METRICS);
    names(&m->metric_names);
    if (m->metrics.count + m->metric_names.count == 0)
        m->has &= ~WIRE_HAS_METRICS;
    m->push = below(2);
    m->revocations = text(1, LIMIT_TOKEN);
    if (below(4) == 0)
        m->has = WIRE_HAS_REVOCATIONS;
}

static void config_ack(struct wire_config_ack *m)
{
    m->has = below(2) ? WIRE_HAS_EXPIRES : 0;
    m->id = between(1, NUMBER_MAX);
    m->interval_us = between(LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US);
    m->push = below(2);
    metrics(&m->metrics);
    m->expires_s = between(0, LIMIT_EXPIRES_MAX_S);
    m->refused.count = some(8);
    for (size_t i = 0; i < m->refused.count; i++)
        m->refused.at[i] = (struct wire_refusal){between(0, NUMBER_MAX), text(0, LIMIT_REASON),
                                                 between(0x100, NUMBER_MAX)};
    m->revoked = below(2) ? between(1, NUMBER_MAX) : 0;
    m->beat_us = interval_or_none();
}

static void error(struct wire_error *m)
{
    m->has = below(2) ? WIRE_HAS_REFERS : 0;
    m->code = between(0x100, NUMBER_MAX);
    m->words = text(0, LIMIT_REASON);
    m->refers = between(0, NUMBER_MAX);
}

static void make(struct wire_message *m)
{
    memset(m, 0xa5, sizeof *m);
    m->type = 1 + below(9);
    switch ((enum wire_type)m->type) {
    case WIRE_HELLO:
        hello(&m->hello);
        return;
    case WIRE_ACK:
        ack(&m->ack);
        return;
    case WIRE_HEALTH_REQUEST:
        m->request = (struct wire_health_request){.has = below(2) ? WIRE_HAS_IN_FLIGHT : 0,
                                                  .seq = between(1, NUMBER_MAX),
                                                  .epoch = between(0, NUMBER_MAX),
                                                  .in_flight = between(0, NUMBER_MAX)};
        return;
    case WIRE_HEALTH_RESPONSE:
        response(&m->response);
        return;
    case WIRE_CONFIG_UPDATE:
        config_update(&m->config_update);
        return;
    case WIRE_CONFIG_ACK:
        config_ack(&m->config_ack);
        return;
    case WIRE_ERROR:
        error(&m->error);
        return;
    case WIRE_TERMINATE:
        m->terminate =
            (struct wire_terminate){between(0, LIMIT_DURATION_MAX_US), text(0, LIMIT_REASON)};
        return;
    case WIRE_TERMINATE_ACK:
        m->terminate_ack.outcome = below(2);
        return;
    }
}

static int generate(uint64_t seed, unsigned count)
{
    state = seed * 2 + 1;
    for (unsigned i = 0; i < count; i++) {
        int n;

        make(&message);
        n = wire_encode(&message, frame, sizeof frame);
        if (n < 0) {
            printf("error: %s\n", dump_error(n));
            dump_message(stdout, "field: ", &message);
            return 1;
        }
        print_hex("frame: ", frame, (size_t)n);
        dump_message(stdout, "field: ", &message);
        puts(".");
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "decode") == 0)
        return decode_all();
    if (argc == 4 && strcmp(argv[1], "generate") == 0)
        return generate(strtoull(argv[2], NULL, 10), (unsigned)strtoul(argv[3], NULL, 10));
    fputs("usage: wire-peer decode | wire-peer generate SEED N\n", stderr);
    return 2;
}
