#include "dump.h"

#include <inttypes.h>

#include <qhcp/error.h>

struct dump {
    FILE *out;
    const char *prefix;
};

static void number(struct dump *d, const char *name, uint64_t value)
{
    fprintf(d->out, "%s%s = %" PRIu64 "\n", d->prefix, name, value);
}

static void entry(struct dump *d, const char *name, size_t i, const char *sub, uint64_t value)
{
    fprintf(d->out, "%s%s[%zu]%s = %" PRIu64 "\n", d->prefix, name, i, sub, value);
}

static void quoted(struct dump *d, struct slice s)
{
    fputs(" = \"", d->out);
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            fputc('\\', d->out);
        fputc(s.p[i], d->out);
    }
    fputs("\"\n", d->out);
}

static void text(struct dump *d, const char *name, struct slice s)
{
    fprintf(d->out, "%s%s", d->prefix, name);
    quoted(d, s);
}

static void text_entry(struct dump *d, const char *name, size_t i, const char *sub, struct slice s)
{
    fprintf(d->out, "%s%s[%zu]%s", d->prefix, name, i, sub);
    quoted(d, s);
}

static void bytes(struct dump *d, const char *name, struct slice s)
{
    fprintf(d->out, "%s%s = ", d->prefix, name);
    for (size_t i = 0; i < s.n; i++)
        fprintf(d->out, "%02x", s.p[i]);
    fputc('\n', d->out);
}

static void numbers(struct dump *d, const char *name, const struct wire_numbers *list)
{
    for (size_t i = 0; i < list->count; i++)
        entry(d, name, i, "", list->at[i]);
}

static void texts(struct dump *d, const char *name, const struct wire_texts *list)
{
    for (size_t i = 0; i < list->count; i++)
        text_entry(d, name, i, "", list->at[i]);
}

static void metrics(struct dump *d, const struct wire_metrics *list)
{
    for (size_t i = 0; i < list->count; i++) {
        entry(d, "metrics", i, ".number", list->at[i].number);
        text_entry(d, "metrics", i, ".name", list->at[i].name);
        entry(d, "metrics", i, ".unit", list->at[i].unit);
    }
}

static void hello(struct dump *d, const struct wire_hello *m)
{
    number(d, "interval_us", m->interval_us);
    text(d, "lb_id", m->lb_id);
    if (m->push)
        number(d, "push", m->push);
    if (m->has & WIRE_HAS_TOKEN)
        bytes(d, "token", m->token);
    numbers(d, "metrics", &m->metrics);
    texts(d, "metric_names", &m->metric_names);
    numbers(d, "extensions", &m->extensions);
    if (m->beat_us)
        number(d, "beat_us", m->beat_us);
}

static void ack(struct dump *d, const struct wire_ack *m)
{
    number(d, "interval_us", m->interval_us);
    text(d, "server_id", m->server_id);
    number(d, "processing_us", m->processing_us);
    bytes(d, "boot_id", m->boot_id);
    number(d, "push", m->push);
    metrics(d, &m->metrics);
    numbers(d, "extensions", &m->extensions);
    texts(d, "services", &m->services);
    if (m->revoked)
        number(d, "revoked", m->revoked);
    if (m->beat_us)
        number(d, "beat_us", m->beat_us);
}

static void request(struct dump *d, const struct wire_health_request *m)
{
    number(d, "seq", m->seq);
    number(d, "epoch", m->epoch);
    if (m->has & WIRE_HAS_IN_FLIGHT)
        number(d, "in_flight", m->in_flight);
}

static void response(struct dump *d, const struct wire_health_response *m)
{
    if (m->has & WIRE_HAS_SEQ)
        number(d, "seq", m->seq);
    bytes(d, "boot_id", m->boot_id);
    number(d, "epoch", m->epoch);
    for (size_t i = 0; i < m->values.count; i++)
        entry(d, "values", (size_t)m->values.at[i].number, "", m->values.at[i].value);
    number(d, "status", m->status);
    if (m->has & WIRE_HAS_REASON)
        text(d, "reason", m->reason);
    number(d, "processing_us", m->processing_us);
    for (size_t i = 0; i < m->checks.count; i++) {
        entry(d, "checks", i, ".status", m->checks.at[i].status);
        text_entry(d, "checks", i, ".name", m->checks.at[i].name);
        entry(d, "checks", i, ".duration_us", m->checks.at[i].duration_us);
        if (m->checks.at[i].reason.n > 0)
            text_entry(d, "checks", i, ".reason", m->checks.at[i].reason);
    }
    if (m->has & WIRE_HAS_BEAT)
        number(d, "beat", m->beat);
}

static void config_update(struct dump *d, const struct wire_config_update *m)
{
    number(d, "id", m->id);
    if (m->has & WIRE_HAS_INTERVAL)
        number(d, "interval_us", m->interval_us);
    if (m->has & WIRE_HAS_TOKEN)
        bytes(d, "token", m->token);
    if (m->has & WIRE_HAS_METRICS) {
        numbers(d, "metrics", &m->metrics);
        texts(d, "metric_names", &m->metric_names);
    }
    if (m->has & WIRE_HAS_PUSH)
        number(d, "push", m->push);
    if (m->has & WIRE_HAS_REVOCATIONS)
        bytes(d, "revocations", m->revocations);
    if (m->has & WIRE_HAS_BEAT)
        number(d, "beat_us", m->beat_us);
}

static void config_ack(struct dump *d, const struct wire_config_ack *m)
{
    number(d, "id", m->id);
    number(d, "interval_us", m->interval_us);
    number(d, "push", m->push);
    metrics(d, &m->metrics);
    if (m->has & WIRE_HAS_EXPIRES)
        number(d, "expires_s", m->expires_s);
    for (size_t i = 0; i < m->refused.count; i++) {
        entry(d, "refused", i, ".key", m->refused.at[i].key);
        text_entry(d, "refused", i, ".words", m->refused.at[i].words);
        entry(d, "refused", i, ".code", m->refused.at[i].code);
    }
    if (m->revoked)
        number(d, "revoked", m->revoked);
    if (m->beat_us)
        number(d, "beat_us", m->beat_us);
}

static void error(struct dump *d, const struct wire_error *m)
{
    number(d, "code", m->code);
    text(d, "words", m->words);
    if (m->has & WIRE_HAS_REFERS)
        number(d, "refers", m->refers);
}

static void terminate(struct dump *d, const struct wire_terminate *m)
{
    number(d, "deadline_us", m->deadline_us);
    text(d, "reason", m->reason);
}

void dump_message(FILE *out, const char *prefix, const struct wire_message *m)
{
    struct dump d = {.out = out, .prefix = prefix};

    switch ((enum wire_type)m->type) {
    case WIRE_HELLO:
        hello(&d, &m->hello);
        return;
    case WIRE_ACK:
        ack(&d, &m->ack);
        return;
    case WIRE_HEALTH_REQUEST:
        request(&d, &m->request);
        return;
    case WIRE_HEALTH_RESPONSE:
        response(&d, &m->response);
        return;
    case WIRE_CONFIG_UPDATE:
        config_update(&d, &m->config_update);
        return;
    case WIRE_CONFIG_ACK:
        config_ack(&d, &m->config_ack);
        return;
    case WIRE_ERROR:
        error(&d, &m->error);
        return;
    case WIRE_TERMINATE:
        terminate(&d, &m->terminate);
        return;
    case WIRE_TERMINATE_ACK:
        number(&d, "outcome", m->terminate_ack.outcome);
        return;
    }
    number(&d, "type", m->type);
}

const char *dump_error(int error_number)
{
    switch (error_number) {
#define DUMP_CASE(name, value, words)                                                              \
    case value:                                                                                    \
        return #name;
        QHCP_ERRORS(DUMP_CASE)
#undef DUMP_CASE
    default:
        return "?";
    }
}
