#include "cli/check_line.h"

#include <stdio.h>
#include <string.h>

#include "cli/status_human.h"
#include "cli/status_json.h"

enum check_line_status check_line_verdict(const struct qhcp_view *view, bool alive)
{
    switch (view->state) {
    case QHCP_UP:
        return CHECK_LINE_OK;
    case QHCP_DEGRADED:
    case QHCP_DRAINING:
    case QHCP_MAINTENANCE:
        return alive ? CHECK_LINE_OK : CHECK_LINE_WARNING;
    case QHCP_CONNECTING:
    case QHCP_DOWN:
        break;
    }
    return view->refused ? CHECK_LINE_UNKNOWN : CHECK_LINE_CRITICAL;
}

/* For a line of which '|' begins the figures. */
static void add_reason(struct text *t, const char *words)
{
    size_t from = t->n;

    text_plain(t, words);
    for (size_t i = from; i < t->n; i++)
        if (t->at[i] == '|')
            t->at[i] = '/';
}

static void add_words(struct text *t, const struct qhcp_view *v)
{
    char cpu[32], memory[32];

    text_plain(t, v->address);
    text_printf(t, " is %s: ", v->state == QHCP_CONNECTING ? "down" : qhcp_state_name(v->state));
    if (v->reason[0] != '\0') {
        add_reason(t, v->reason);
        text_add(t, v->n_values > 0 ? ", " : "");
    }
    if (v->n_values > 0 || v->reason[0] == '\0') {
        status_human_percent(v, "cpu_usage_percent", cpu, sizeof cpu);
        status_human_percent(v, "memory_usage_percent", memory, sizeof memory);
        text_printf(t, "cpu %s, memory %s, rtt %.1f ms", cpu, memory, (double)v->rtt_us / 1000);
    }
    if (v->notice[0] != '\0') {
        text_add(t, "; ");
        add_reason(t, v->notice);
    }
}

/* label=value[unit];warn;crit;min;max (Monitoring Plugins guidelines, "Performance data"). */
static void add_figures(struct text *t, const struct qhcp_view *v)
{
    text_add(t, " |");
    for (size_t i = 0; i < v->n_values; i++) {
        const struct qhcp_value *value = &v->values[i];
        if (strcmp(value->name, "cpu_usage_percent") == 0)
            text_add(t, " cpu=");
        else if (strcmp(value->name, "memory_usage_percent") == 0)
            text_add(t, " memory=");
        else
            text_printf(t, " %s=", value->name);
        status_json_value(t, value);
        text_add(t, value->unit == 1   ? "%;;;0;100"
                    : value->unit == 2 ? "B;;;0"
                    : value->unit == 3 ? "us;;;0"
                                       : ";;;0");
    }
    text_printf(t, " rtt=%lluus;;;0", (unsigned long long)v->rtt_us);
}

void check_line_text(const struct qhcp_view *view, enum check_line_status status, char *ret,
                     size_t cap)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    struct text t = {0};

    text_printf(&t, "QHCP %s - ", names[status]);
    add_words(&t, view);
    if (view->n_values > 0)
        add_figures(&t, view);
    snprintf(ret, cap, "%s\n", t.failed || !t.at ? "QHCP UNKNOWN - out of memory" : t.at);
    text_deinit(&t);
}
