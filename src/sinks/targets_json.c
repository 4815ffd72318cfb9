#include "sinks/targets_json.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"

#define PREFIX "__meta_qhcp_"

/* "host:port"; false: the address as listed is none. */
static bool target_of(const struct fleet_entry *e, uint16_t port, char *ret, size_t cap)
{
    struct address a;
    char ignored[200];

    if (port == 0 && e->target.sa.sa_family != AF_UNSPEC) {
        address_format(&e->target, ret, cap);
        return true;
    }
    if (address_parse(fleet_text(e, FLEET_ADDRESS), &a, ignored, sizeof ignored) < 0)
        return false;
    a.port = port > 0 ? port : a.port;
    a.addr.in.sin_port = htons(a.port); /* at the same place in both families */
    if (a.literal)
        address_format(&a.addr, ret, cap);
    else
        snprintf(ret, cap, "%s:%u", a.host, a.port);
    return true;
}

static void label(struct text *t, const char *name, const char *value)
{
    text_printf(t, ",\"" PREFIX "%s\":", name);
    text_json(t, value);
}

static void number(struct text *t, const char *name, unsigned value)
{
    text_printf(t, ",\"" PREFIX "%s\":\"%u\"", name, value);
}

/* ",a,b,": a rule can look for ",a," whatever its place, as with other discoveries. */
static void tags(struct text *t, const char *words)
{
    char all[512];
    size_t n = (size_t)snprintf(all, sizeof all, ",%.500s,", words);

    for (size_t i = 0; i < n; i++)
        all[i] = all[i] == '|' ? ',' : all[i];
    label(t, "tags", words[0] != '\0' ? all : "");
}

bool targets_json_one(struct text *t, const struct fleet_entry *e, uint16_t port)
{
    char target[ADDRESS_KEY];

    if (!target_of(e, port, target, sizeof target))
        return false;
    text_add(t, "{\"targets\":[");
    text_json(t, target);
    text_add(t, "],\"labels\":{\"" PREFIX "name\":");
    text_json(t, fleet_text(e, FLEET_LABEL));
    label(t, "address", fleet_text(e, FLEET_ADDRESS));
    label(t, "server_id", fleet_text(e, FLEET_SERVER_ID));
    label(t, "state", qhcp_state_name(e->state));
    tags(t, fleet_text(e, FLEET_TAGS));
    number(t, "weight", e->intent.weight);
    number(t, "priority", e->intent.priority);
    text_add(t, "}}");
    return true;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(fleet_text(*(const struct fleet_entry *const *)a, FLEET_LABEL),
                  fleet_text(*(const struct fleet_entry *const *)b, FLEET_LABEL));
}

void targets_json(const struct fleet_snapshot *s, uint16_t port, struct text *ret)
{
    const struct fleet_entry **all = malloc((s->self.n + 1) * sizeof *all), *e;
    bool first = true;
    size_t n = 0;

    if (!all) {
        ret->failed = true;
        return;
    }
    for (uint32_t slot = 0; n < s->self.n && (e = snapshot_next(s, &slot)); slot++)
        all[n++] = e;
    qsort(all, n, sizeof *all, by_name);
    text_add(ret, "[");
    for (size_t i = 0; i < n; i++) {
        size_t before = ret->n;

        text_add(ret, first ? "\n" : ",\n");
        if (targets_json_one(ret, all[i], port))
            first = false;
        else
            ret->n = before;
    }
    text_add(ret, "]\n");
    free(all);
}

bool targets_json_is(const char *content)
{
    return strncmp(content, "[\n{\"targets\":[", 14) == 0 ? strstr(content, PREFIX) != NULL
                                                          : strcmp(content, "[]\n") == 0;
}
