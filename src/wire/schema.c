#include "wire/schema.h"

#include <assert.h>

#include <qhcp/error.h>
#include <qhcp/types.h>

#include "base/cursor.h"
#include "base/utf8.h"
#include "wire/registry.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NUMBER_MAX CURSOR_VARINT_MAX
#define METRIC_MAX (NUMBER_MAX / 2) /* its key, twice the number, is a varint too */

/* Where a value lives: one value, or the entries of an array with its count before it. */
#define AT(type, member) .offset = offsetof(struct type, member)
#define ENTRIES(type, member, limit)                                                               \
    .offset = offsetof(struct type, member.count), .items = offsetof(struct type, member.at),      \
    .stride = sizeof(((struct type *)0)->member.at[0]),                                            \
    .most = (limit) + 0 * sizeof(char[(limit) <= COUNT(((struct type *)0)->member.at) ? 1 : -1])

#define NUMBER(k, n, lo, hi)                                                                       \
    .key = (k), .kind = SCHEMA_NUMBER, .name = (n), .min = (lo), .max = (hi)
#define BYTES(k, n, lo, hi) .key = (k), .kind = SCHEMA_BYTES, .name = (n), .min = (lo), .max = (hi)
#define TEXT(k, n, lo, hi) .key = (k), .kind = SCHEMA_TEXT, .name = (n), .min = (lo), .max = (hi)
#define NAME(k, n) .key = (k), .kind = SCHEMA_NAME, .name = (n), .min = 1, .max = LIMIT_NAME
#define LIST(k, n, s) .key = (k), .kind = SCHEMA_LIST, .name = (n), .list = (s)
#define REQUIRED .required = true
#define VARIES .varies = true

/* Rows end in FIELDS(table): the pointer and the count. */
#define FIELDS(table) .fields = (table), .count = COUNT(table)

/* Nested lists. */

static const struct schema_field metric_fields[] = {
    {NUMBER(0x00, "number", 1, METRIC_MAX), AT(wire_metric, number), REQUIRED,
     .doc = "The metric's number in this session; a registered metric has its registry number"},
    {NAME(0x01, "name"), AT(wire_metric, name), REQUIRED, .doc = "The metric's name"},
    {NUMBER(0x02, "unit", 0, NUMBER_MAX), AT(wire_metric, unit), REQUIRED,
     .doc = "Its unit, from the registry of units; an unknown one is a plain number"},
};

static const struct schema metric_schema = {.name = "metric", FIELDS(metric_fields)};

static int check_rule(const void *message)
{
    const struct wire_check *check = message;

    return check->status == QHCP_STATUS_DRAINING ? QHCP_E_VALUE : 0;
}

static const struct schema_field check_fields[] = {
    {NUMBER(0x00, "status", QHCP_SERVING, QHCP_NOT_SERVING), AT(wire_check, status), REQUIRED,
     .doc = "0 passed, 1 passed with a warning, 3 failed"},
    {TEXT(0x01, "name", 1, LIMIT_NAME), AT(wire_check, name), REQUIRED,
     .doc = "The check's name, for people"},
    {NUMBER(0x02, "duration_us", 0, LIMIT_DURATION_MAX_US), AT(wire_check, duration_us), REQUIRED,
     .unit = "µs", .doc = "How long the check took"},
    {TEXT(0x03, "reason", 1, LIMIT_REASON), AT(wire_check, reason),
     .doc = "Why it did not pass; left out when there is nothing to say"},
};

static const struct schema check_schema = {
    .name = "check",
    .rule = check_rule,
    .rule_doc = "`status` is 0, 1 or 3; 2 (draining) is not a check's outcome: `VALUE`.",
    FIELDS(check_fields),
};

static const struct schema_field refusal_fields[] = {
    {NUMBER(0x00, "key", 0, NUMBER_MAX), AT(wire_refusal, key), REQUIRED,
     .doc = "The key of CONFIG_UPDATE that is refused"},
    {TEXT(0x01, "words", 0, LIMIT_REASON), AT(wire_refusal, words), REQUIRED,
     .doc = "Why, in words for the load balancer's operator"},
    {NUMBER(0x02, "code", 0x100, NUMBER_MAX), AT(wire_refusal, code), REQUIRED,
     .doc = "Why, as an error code"},
};

static const struct schema refusal_schema = {.name = "refusal", FIELDS(refusal_fields)};

/* Opening a session. */

static const struct schema_field hello_fields[] = {
    {NUMBER(0x00, "interval_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US),
     AT(wire_hello, interval_us), REQUIRED, .unit = "µs",
     .doc = "How often it will send HEALTH_REQUEST"},
    {TEXT(0x01, "lb_id", 1, LIMIT_ID), AT(wire_hello, lb_id), REQUIRED,
     .doc = "The load balancer's identity, for logs; it grants nothing"},
    {NUMBER(0x02, "push", 1, 1), AT(wire_hello, push),
     .doc = "1: push changes of status; absent: do not"},
    {BYTES(0x03, "token", 1, LIMIT_TOKEN), AT(wire_hello, token), .has = WIRE_HAS_TOKEN,
     .doc = "A JWT in compact serialisation; without it the server refuses: `TOKEN_MISSING`"},
    {NUMBER(0x04, "metrics", 1, METRIC_MAX), ENTRIES(wire_hello, metrics, LIMIT_METRICS),
     .doc = "Numbers of registered metrics that it wants, besides the required ones"},
    {NAME(0x05, "metric_names"), ENTRIES(wire_hello, metric_names, LIMIT_METRICS),
     .doc = "Names of metrics that it wants: an application's own"},
    {NUMBER(0x06, "extensions", 0, NUMBER_MAX), ENTRIES(wire_hello, extensions, LIMIT_EXTENSIONS),
     .doc = "Extensions that it understands"},
    {NUMBER(0x08, "beat_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US), AT(wire_hello, beat_us),
     .unit = "µs", .doc = "Extension 1: how often the server is to send a beat; absent: never"},
};

/* Ascending numbers: one set of metrics has one encoding, and a number names one metric. */
static int metrics_ascend(const struct wire_metrics *metrics)
{
    for (size_t i = 1; i < metrics->count; i++)
        if (metrics->at[i].number <= metrics->at[i - 1].number)
            return QHCP_E_VALUE;
    return 0;
}

static int ack_rule(const void *message)
{
    const struct wire_ack *ack = message;

    return metrics_ascend(&ack->metrics);
}

static const struct schema_field ack_fields[] = {
    {NUMBER(0x00, "interval_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US),
     AT(wire_ack, interval_us), REQUIRED, .unit = "µs", .doc = "The interval in force"},
    {TEXT(0x01, "server_id", 1, LIMIT_ID), AT(wire_ack, server_id), REQUIRED,
     .doc = "The server's identity, for people and logs"},
    {NUMBER(0x02, "processing_us", 0, LIMIT_PROCESSING_MAX_US), AT(wire_ack, processing_us),
     REQUIRED, .unit = "µs", .doc = "The longest time from a request's arrival to its answer"},
    {BYTES(0x03, "boot_id", LIMIT_BOOT_ID, LIMIT_BOOT_ID), AT(wire_ack, boot_id), REQUIRED,
     .doc = "Random; a new one each time the server's process starts"},
    {NUMBER(0x04, "push", 0, 1), AT(wire_ack, push), REQUIRED,
     .doc = "1: it will push changes of status"},
    {LIST(0x05, "metrics", &metric_schema), ENTRIES(wire_ack, metrics, LIMIT_METRICS),
     .doc = "A metric that answers will carry"},
    {NUMBER(0x06, "extensions", 0, NUMBER_MAX), ENTRIES(wire_ack, extensions, LIMIT_EXTENSIONS),
     .doc = "Extensions from HELLO that are in use in this session"},
    {TEXT(0x07, "services", 1, LIMIT_SERVICE), ENTRIES(wire_ack, services, LIMIT_SERVICES),
     .doc = "A service that this server offers: `tcp:PORT` or `tcp:HOST:PORT`"},
    {NUMBER(0x08, "revoked", 1, NUMBER_MAX), AT(wire_ack, revoked),
     .doc = "The number of the newest list of revocations that it has; absent: none"},
    {NUMBER(0x0a, "beat_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US), AT(wire_ack, beat_us),
     .unit = "µs", .doc = "Extension 1: how often it sends a beat; absent: never"},
};

/* Health. */

static const struct schema_field request_fields[] = {
    {NUMBER(0x00, "seq", 1, NUMBER_MAX), AT(wire_health_request, seq), REQUIRED,
     .doc = "From 1, greater in each request, never used twice in a session"},
    {NUMBER(0x02, "epoch", 0, NUMBER_MAX), AT(wire_health_request, epoch), REQUIRED,
     .doc = "The newest status epoch that it has seen in this session, which acknowledges a push; "
            "0: none"},
    {NUMBER(0x04, "in_flight", 0, NUMBER_MAX), AT(wire_health_request, in_flight),
     .has = WIRE_HAS_IN_FLIGHT,
     .doc = "To a server that wants no new connections: how many of the load balancer's are still "
            "open; absent: it does not say"},
};

static int response_rule(const void *message)
{
    const struct wire_health_response *r = message;

    if (r->status != QHCP_SERVING && !(r->has & WIRE_HAS_REASON))
        return QHCP_E_KEY_MISSING;
    return r->has & WIRE_HAS_SEQ && r->has & WIRE_HAS_BEAT ? QHCP_E_VALUE : 0;
}

static const struct schema_field response_fields[] = {
    {NUMBER(0x00, "seq", 1, NUMBER_MAX), AT(wire_health_response, seq), .has = WIRE_HAS_SEQ, VARIES,
     .doc = "The request's; absent in a push and in a beat"},
    {BYTES(0x01, "boot_id", LIMIT_BOOT_ID, LIMIT_BOOT_ID), AT(wire_health_response, boot_id),
     REQUIRED, .doc = "As in ACK"},
    {NUMBER(0x02, "epoch", 1, NUMBER_MAX), AT(wire_health_response, epoch), REQUIRED,
     .doc = "The status epoch: from 1, one more with each change of status"},
    {.key = 0x03,
     .kind = SCHEMA_VALUES,
     .name = "values",
     AT(wire_health_response, values),
     VARIES,
     .doc = "The metrics: for each an even key, twice its number, and its value"},
    {NUMBER(0x04, "status", QHCP_SERVING, QHCP_STATUS_MAINTENANCE),
     AT(wire_health_response, status), REQUIRED, .doc = "From the registry of statuses"},
    {TEXT(0x05, "reason", 1, LIMIT_REASON), AT(wire_health_response, reason),
     .has = WIRE_HAS_REASON, .doc = "Why it has this status; required unless it is serving"},
    {NUMBER(0x06, "processing_us", 0, LIMIT_DURATION_MAX_US),
     AT(wire_health_response, processing_us), REQUIRED, VARIES, .unit = "µs",
     .doc = "From the request's arrival to this answer; 0 in a push, and for an answer at once"},
    {LIST(0x07, "checks", &check_schema), ENTRIES(wire_health_response, checks, LIMIT_CHECKS),
     .doc = "The outcome of an application check"},
    {NUMBER(0x08, "beat", 1, NUMBER_MAX), AT(wire_health_response, beat), .has = WIRE_HAS_BEAT,
     VARIES, .doc = "Extension 1: the number of this beat; absent in an answer and in a push"},
};

/* Configuration of a live session. */

static int config_update_rule(const void *message)
{
    const struct wire_config_update *u = message;

    if (u->has & WIRE_HAS_REVOCATIONS && u->has != WIRE_HAS_REVOCATIONS)
        return QHCP_E_VALUE;
    if (!(u->has & WIRE_HAS_METRICS))
        return 0;
    return u->metrics.count + u->metric_names.count == 0 ? QHCP_E_VALUE : 0;
}

static const struct schema_field config_update_fields[] = {
    {NUMBER(0x00, "id", 1, NUMBER_MAX), AT(wire_config_update, id), REQUIRED,
     .doc = "From 1, greater in each update of a session"},
    {NUMBER(0x02, "interval_us", 0, LIMIT_DURATION_MAX_US), AT(wire_config_update, interval_us),
     .has = WIRE_HAS_INTERVAL, .unit = "µs",
     .doc = "The new interval; one outside HELLO's range is refused in CONFIG_ACK"},
    {BYTES(0x03, "token", 1, LIMIT_TOKEN), AT(wire_config_update, token), .has = WIRE_HAS_TOKEN,
     .doc = "A new token, as in HELLO"},
    {NUMBER(0x04, "metrics", 1, METRIC_MAX), ENTRIES(wire_config_update, metrics, LIMIT_METRICS),
     .has = WIRE_HAS_METRICS,
     .doc = "Registered metrics that it wants, besides the required ones; this and `metric_names` "
            "together replace the list. One that does not exist is refused"},
    {NAME(0x05, "metric_names"), ENTRIES(wire_config_update, metric_names, LIMIT_METRICS),
     .has = WIRE_HAS_METRICS,
     .doc = "Names of metrics that it wants. One that does not exist is refused"},
    {NUMBER(0x06, "push", 0, 1), AT(wire_config_update, push), .has = WIRE_HAS_PUSH,
     .doc = "1: push changes of status; 0: do not; absent: as before"},
    {BYTES(0x07, "revocations", 1, LIMIT_REVOCATIONS), AT(wire_config_update, revocations),
     .has = WIRE_HAS_REVOCATIONS, .doc = "A signed list of revoked keys and certificates"},
    {NUMBER(0x08, "beat_us", 0, LIMIT_DURATION_MAX_US), AT(wire_config_update, beat_us),
     .has = WIRE_HAS_BEAT, .unit = "µs",
     .doc = "Extension 1: how often the server is to send a beat; 0: never; absent: as before. One "
            "outside HELLO's range is refused in CONFIG_ACK"},
};

static int config_ack_rule(const void *message)
{
    const struct wire_config_ack *ack = message;

    return metrics_ascend(&ack->metrics);
}

static const struct schema_field config_ack_fields[] = {
    {NUMBER(0x00, "id", 1, NUMBER_MAX), AT(wire_config_ack, id), REQUIRED, .doc = "The update's"},
    {NUMBER(0x02, "interval_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US),
     AT(wire_config_ack, interval_us), REQUIRED, .unit = "µs", .doc = "The interval in force"},
    {NUMBER(0x04, "push", 0, 1), AT(wire_config_ack, push), REQUIRED,
     .doc = "1: it will push changes of status"},
    {LIST(0x05, "metrics", &metric_schema), ENTRIES(wire_config_ack, metrics, LIMIT_METRICS),
     .doc = "A metric that answers will carry from now on"},
    {NUMBER(0x06, "expires_s", 0, LIMIT_EXPIRES_MAX_S), AT(wire_config_ack, expires_s),
     .has = WIRE_HAS_EXPIRES, .unit = "s",
     .doc = "The time to `exp` of the token in force, without the server's leeway"},
    {LIST(0x07, "refused", &refusal_schema), ENTRIES(wire_config_ack, refused, 8),
     .doc = "An item that was refused; if there is any, nothing of the update was applied"},
    {NUMBER(0x08, "revoked", 1, NUMBER_MAX), AT(wire_config_ack, revoked), .doc = "As in ACK"},
    {NUMBER(0x0a, "beat_us", LIMIT_INTERVAL_MIN_US, LIMIT_INTERVAL_MAX_US),
     AT(wire_config_ack, beat_us), .unit = "µs", .doc = "As in ACK"},
};

/* Errors and leaving. */

static const struct schema_field error_fields[] = {
    {NUMBER(0x00, "code", 0x100, NUMBER_MAX), AT(wire_error, code), REQUIRED,
     .doc = "From the registry of error codes"},
    {TEXT(0x01, "words", 0, LIMIT_REASON), AT(wire_error, words), REQUIRED,
     .doc = "What happened, for the peer's operator"},
    {NUMBER(0x02, "refers", 0, NUMBER_MAX), AT(wire_error, refers), .has = WIRE_HAS_REFERS,
     .doc = "The type of the frame it is about"},
};

static const struct schema_field terminate_fields[] = {
    {NUMBER(0x00, "deadline_us", 0, LIMIT_DURATION_MAX_US), AT(wire_terminate, deadline_us),
     REQUIRED, .unit = "µs", .doc = "From its sending until the sender goes in any case"},
    {TEXT(0x01, "reason", 0, LIMIT_REASON), AT(wire_terminate, reason), REQUIRED,
     .doc = "Why it leaves"},
};

static const struct schema_field terminate_ack_fields[] = {
    {NUMBER(0x00, "outcome", 0, 1), AT(wire_terminate_ack, outcome), REQUIRED,
     .doc = "0: every connection through it has ended; 1: some are open, or may be"},
};

static const struct schema schemas[] = {
    {.type = WIRE_HELLO,
     .name = "HELLO",
     .sender = SCHEMA_FROM_LB,
     .has = true,
     .doc = "Opens the session: who asks, with which token, and what it wants.",
     FIELDS(hello_fields)},
    {.type = WIRE_ACK,
     .name = "ACK",
     .sender = SCHEMA_FROM_SERVER,
     .rule = ack_rule,
     .doc = "Answers HELLO: who answers, and what is in force.",
     .rule_doc = "If the numbers of the `metrics` entries do not ascend: `VALUE`.",
     FIELDS(ack_fields)},
    {.type = WIRE_HEALTH_REQUEST,
     .name = "HEALTH_REQUEST",
     .sender = SCHEMA_FROM_LB,
     .datagram = true,
     .has = true,
     .doc = "Asks for the server's health.",
     FIELDS(request_fields)},
    {.type = WIRE_HEALTH_RESPONSE,
     .name = "HEALTH_RESPONSE",
     .sender = SCHEMA_FROM_SERVER,
     .datagram = true,
     .has = true,
     .rule = response_rule,
     .doc = "The server's health: the answer to a request, a push when the status changes, or a "
            "beat.",
     .rule_doc =
         "Without `reason` any `status` but 0 (serving) is `KEY_MISSING`. `beat` with `seq` "
         "is `VALUE`.",
     FIELDS(response_fields)},
    {.type = WIRE_CONFIG_UPDATE,
     .name = "CONFIG_UPDATE",
     .sender = SCHEMA_FROM_LB,
     .has = true,
     .rule = config_update_rule,
     .doc = "Changes the live session; what it does not name stays.",
     .rule_doc = "`revocations` with any other key than `id` is `VALUE`.",
     FIELDS(config_update_fields)},
    {.type = WIRE_CONFIG_ACK,
     .name = "CONFIG_ACK",
     .sender = SCHEMA_FROM_SERVER,
     .has = true,
     .rule = config_ack_rule,
     .doc = "Answers CONFIG_UPDATE: what is in force now.",
     .rule_doc = "If the numbers of the `metrics` entries do not ascend: `VALUE`.",
     FIELDS(config_ack_fields)},
    {.type = WIRE_ERROR,
     .name = "ERROR",
     .sender = SCHEMA_FROM_BOTH,
     .has = true,
     .doc = "Says why the connection is about to be closed.",
     FIELDS(error_fields)},
    {.type = WIRE_TERMINATE,
     .name = "TERMINATE",
     .sender = SCHEMA_FROM_BOTH,
     .doc = "Says that the sender is about to leave.",
     FIELDS(terminate_fields)},
    {.type = WIRE_TERMINATE_ACK,
     .name = "TERMINATE_ACK",
     .sender = SCHEMA_FROM_BOTH,
     .doc = "Says that the sender of TERMINATE may go.",
     FIELDS(terminate_ack_fields)},
};

/* `has` is found at the start of each struct that has one. */
static_assert(offsetof(struct wire_hello, has) == 0, "has comes first");
static_assert(offsetof(struct wire_health_response, has) == 0, "has comes first");
static_assert(offsetof(struct wire_config_update, has) == 0, "has comes first");
static_assert(offsetof(struct wire_config_ack, has) == 0, "has comes first");
static_assert(offsetof(struct wire_error, has) == 0, "has comes first");
static_assert(sizeof(struct wire_message) <= UINT16_MAX, "offsets fit a row");
static_assert(COUNT(schemas) == WIRE_TERMINATE_ACK, "one schema a type, in order");

const struct schema *schema_by_type(uint64_t type)
{
    return type - 1 < COUNT(schemas) ? &schemas[type - 1] : NULL;
}

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

int schema_check_bytes(const struct schema_field *f, struct slice s)
{
    if (s.n > f->max)
        return QHCP_E_TOO_LARGE;
    if (s.n < f->min)
        return QHCP_E_VALUE;
    if (f->kind == SCHEMA_TEXT && !utf8_printable(s))
        return QHCP_E_UTF8;
    if (f->kind == SCHEMA_NAME && !is_name(s))
        return QHCP_E_VALUE;
    return 0;
}

int schema_check_value(const struct wire_value *v)
{
    const struct wire_metric_row *row;

    if (v->number == 0 || v->number > METRIC_MAX || v->value > NUMBER_MAX)
        return QHCP_E_VALUE;
    row = wire_metric_by_number(v->number);
    return row && row->max != 0 && v->value > row->max ? QHCP_E_VALUE : 0;
}
