/* Prints the tables of docs/protocol.md, as markdown, from the tables that the code runs on.
 *
 *     protocol-tables SECTION
 *
 * A section is `frame-types`, `message NAME`, `list NAME`, `metrics`, `units`, `statuses`,
 * `errors`, `limits`, `state-lb` or `state-server`; tools/refresh_docs.py puts them in place.  Not
 * installed. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qhcp/error.h>

#include "session/tables.h"
#include "wire/registry.h"
#include "wire/schema.h"

/* Names are the document's: a nested list goes by its member in the schema. */
static const struct schema *nested_list(const char *name)
{
    for (uint64_t type = 1; schema_by_type(type); type++) {
        const struct schema *s = schema_by_type(type);

        for (size_t i = 0; i < s->count; i++)
            if (s->fields[i].list && strcmp(s->fields[i].list->name, name) == 0)
                return s->fields[i].list;
    }
    return NULL;
}

static const struct schema *message(const char *name)
{
    for (uint64_t type = 1; schema_by_type(type); type++)
        if (strcmp(schema_by_type(type)->name, name) == 0)
            return schema_by_type(type);
    return NULL;
}

/* A heading's anchor is its text in lower case. */
static void print_anchor(const char *name)
{
    for (; *name; name++)
        putchar(tolower((unsigned char)*name));
}

static const char *sender(enum schema_sender s)
{
    static const char *const names[] = {"load balancer", "server", "either"};

    return names[s];
}

static int frame_types(const char *arg)
{
    (void)arg;
    puts("| Type | Name | Sent by | Travels in | What it does |\n|---|---|---|---|---|");
    for (uint64_t type = 1; schema_by_type(type); type++) {
        const struct schema *s = schema_by_type(type);

        printf("| 0x%02" PRIx64 " | [%s](#", type, s->name);
        print_anchor(s->name);
        printf(") | %s | %s | %s |\n", sender(s->sender),
               s->datagram ? "DATAGRAM or control stream" : "control stream", s->doc);
    }
    return 0;
}

static void print_number(uint64_t n)
{
    if (n == (UINT64_C(1) << 62) - 1)
        printf("2^62-1");
    else if (n == (UINT64_C(1) << 61) - 1)
        printf("2^61-1");
    else
        printf("%" PRIu64, n);
}

static void print_range(const struct schema_field *f)
{
    if (f->kind == SCHEMA_LIST || f->kind == SCHEMA_VALUES) {
        printf("not empty");
        return;
    }
    print_number(f->min);
    if (f->min != f->max) {
        printf(" to ");
        print_number(f->max);
    }
    if (f->kind != SCHEMA_NUMBER)
        printf(" bytes");
}

static void print_kind(const struct schema_field *f)
{
    static const char *const kinds[] = {"number", "bytes", "text", "name", "list", "values"};

    if (f->kind == SCHEMA_LIST)
        printf("list [%s](#the-list-%s)", f->list->name, f->list->name);
    else
        printf("%s", kinds[f->kind]);
}

static int keys(const struct schema *s)
{
    if (!s)
        return 1;
    puts("| Key | Name | Type | How often | Range | Unit | Meaning "
         "|\n|---|---|---|---|---|---|---|");
    for (size_t i = 0; i < s->count; i++) {
        const struct schema_field *f = &s->fields[i];

        printf("| 0x%02x | `%s` | ", f->key, f->name);
        print_kind(f);
        if (f->most > 0)
            printf(" | 0 to %u times | ", f->most);
        else
            printf(" | %s | ", f->required ? "once" : "at most once");
        print_range(f);
        printf(" | %s | %s |\n", f->unit ? f->unit : "", f->doc);
    }
    if (s->rule_doc)
        printf("\nRule: %s\n", s->rule_doc);
    return 0;
}

static int message_keys(const char *name)
{
    return keys(message(name));
}

static int list_keys(const char *name)
{
    return keys(nested_list(name));
}

static int metrics(const char *arg)
{
    const struct wire_metric_row *row;

    (void)arg;
    puts("| Number | Name | Unit | Greatest value | Meaning |\n|---|---|---|---|---|");
    for (uint64_t n = 1; (row = wire_metric_by_number(n)); n++) {
        printf("| %" PRIu64 " | `%s`%s | %s | ", n, row->name,
               n <= WIRE_METRIC_MEMORY ? " (required)" : "", wire_unit_name(row->unit));
        if (row->max > 0)
            printf("%" PRIu64, row->max);
        printf(" | %s |\n", row->doc);
    }
    return 0;
}

static int words(const struct wire_word *(*find)(uint64_t))
{
    puts("| Number | Name | Meaning |\n|---|---|---|");
    for (uint64_t n = 0; find(n); n++)
        printf("| %" PRIu64 " | %s | %s |\n", n, find(n)->name, find(n)->doc);
    return 0;
}

static int units(const char *arg)
{
    (void)arg;
    return words(wire_unit);
}

static int statuses(const char *arg)
{
    (void)arg;
    return words(wire_status);
}

static int errors(const char *arg)
{
    static const struct {
        const char *name;
        int value;
        const char *words;
    } rows[] = {
#define ERROR_ROW(name, value, words) {#name, value, words},
        QHCP_ERRORS(ERROR_ROW)
#undef ERROR_ROW
    };

    (void)arg;
    puts("| Code | Name | Meaning |\n|---|---|---|");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].value <= -0x100) /* the others never leave a process */
            printf("| 0x%x | `%s` | %s |\n", (unsigned)-rows[i].value, rows[i].name, rows[i].words);
    return 0;
}

static int limits(const char *arg)
{
    (void)arg;
    puts("| What | Limit | Beyond it |\n|---|---|---|");
    printf("| Payload of a frame | %d bytes | `TOO_LARGE` |\n", LIMIT_FRAME_PAYLOAD);
    printf("| Frame in a DATAGRAM | %d bytes sent at most | send it on the control stream |\n",
           LIMIT_DATAGRAM);
    printf("| A token | %d bytes | `TOO_LARGE` |\n", LIMIT_TOKEN);
    printf("| A list of revocations | %d bytes | `TOO_LARGE` |\n", LIMIT_REVOCATIONS);
    printf("| An identity | %d bytes | `TOO_LARGE` |\n", LIMIT_ID);
    printf("| Words, a reason | %d bytes | `TOO_LARGE` |\n", LIMIT_REASON);
    printf("| A name of a metric or check | %d bytes | `TOO_LARGE` |\n", LIMIT_NAME);
    printf("| Metrics in a session | %d | `TOO_MANY` |\n", LIMIT_METRICS);
    printf("| Application checks in an answer | %d | `TOO_MANY` |\n", LIMIT_CHECKS);
    printf("| Services of a server | %d of %d bytes | `TOO_MANY`, `TOO_LARGE` |\n", LIMIT_SERVICES,
           LIMIT_SERVICE);
    printf("| Extensions | %d | `TOO_MANY` |\n", LIMIT_EXTENSIONS);
    printf("| Handshake to HELLO; HELLO to ACK | %u s | `TIMEOUT` |\n",
           (unsigned)(SESSION_HELLO_TIMEOUT / NSEC_PER_SEC));
    printf("| CONFIG_UPDATE to CONFIG_ACK | %u s | `TIMEOUT` |\n",
           (unsigned)(SESSION_CONFIG_TIMEOUT / NSEC_PER_SEC));
    return 0;
}

/* A machine, from its rows and names. */
struct machine {
    const struct session_row *rows;
    size_t count;
    unsigned states;
    const char *(*state)(unsigned);
    const char *(*action)(unsigned);
};

static bool same_arrow(const struct session_row *a, const struct session_row *b)
{
    return a->state == b->state && a->action == b->action && a->next == b->next;
}

/* Is row i the first of those that differ in the event only?  They are printed as one. */
static bool is_first(const struct machine *m, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_arrow(&m->rows[j], &m->rows[i]))
            return false;
    return true;
}

static void print_events(const struct machine *m, size_t i)
{
    for (size_t j = i; j < m->count; j++)
        if (same_arrow(&m->rows[j], &m->rows[i]))
            printf("%s%s", j > i ? ", " : "", session_event_name(m->rows[j].event));
}

static void state_rows(const struct machine *m, unsigned state)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct session_row *row = &m->rows[i];

        if (row->state != state || !is_first(m, i))
            continue;
        printf("| %s | ", m->state(state));
        print_events(m, i);
        printf(" | %s | %s |\n", m->action(row->action), m->state(row->next));
    }
}

static int machine(const struct machine *m)
{
    puts("| State | Event | Action | Next state |\n|---|---|---|---|");
    for (unsigned state = 0; state < m->states; state++)
        state_rows(m, state);
    puts("\n```mermaid\nstateDiagram-v2");
    printf("    [*] --> %s\n", m->state(0));
    for (size_t i = 0; i < m->count; i++) {
        const struct session_row *row = &m->rows[i];

        if (row->state == row->next || !is_first(m, i))
            continue;
        printf("    %s --> %s: ", m->state(row->state), m->state(row->next));
        print_events(m, i);
        printf(" / %s\n", m->action(row->action));
    }
    printf("    %s --> [*]\n```\n", m->state(m->states - 1));
    return 0;
}

static int state_lb(const char *arg)
{
    (void)arg;
    return machine(&(struct machine){session_lb_table, session_lb_rows, SESSION_LB_STATES,
                                     session_lb_state_name, session_lb_action_name});
}

static int state_server(const char *arg)
{
    (void)arg;
    return machine(&(struct machine){session_server_table, session_server_rows,
                                     SESSION_SERVER_STATES, session_server_state_name,
                                     session_server_action_name});
}

static const struct section {
    const char *name;
    int (*print)(const char *arg);
} sections[] = {
    {"frame-types", frame_types},
    {"message", message_keys},
    {"list", list_keys},
    {"metrics", metrics},
    {"units", units},
    {"statuses", statuses},
    {"errors", errors},
    {"limits", limits},
    {"state-lb", state_lb},
    {"state-server", state_server},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < sizeof sections / sizeof sections[0]; i++)
        if (strcmp(argv[1], sections[i].name) == 0)
            return sections[i].print(argc > 2 ? argv[2] : "");
    fputs("usage: protocol-tables SECTION [NAME]\n", stderr);
    return 2;
}
