#include "cli/check_line.h"

#include <stdio.h>
#include <string.h>

#include "cli/check_rules.h"
#include "daemon/reported.h"
#include "sinks/say.h"
#include "status/status_human.h"
#include "status/status_json.h"

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

int check_line_weight(const struct qhcp_view *view, enum check_line_status status)
{
    bool less = view->state == QHCP_DEGRADED || status == CHECK_LINE_WARNING;

    if (status == CHECK_LINE_CRITICAL || status == CHECK_LINE_UNKNOWN)
        return CHECK_LINE_FAIL;
    if (view->state == QHCP_DRAINING || view->state == QHCP_MAINTENANCE)
        return 2;
    return 2 + (int)say_percent(less, FLEET_SHARE, reported_utilization(view));
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

static void add_words(struct text *t, const struct qhcp_view *v, enum check_line_status status,
                      const char *said)
{
    bool down = v->state == QHCP_CONNECTING || v->state == QHCP_DOWN;
    char cpu[32], memory[32];

    text_plain(t, v->address);
    if (!down || status != CHECK_LINE_UNKNOWN) /* of which nothing is known, not even that */
        text_printf(t, " is %s", down ? "down" : qhcp_state_name(v->state));
    text_add(t, ": ");
    if (said[0] != '\0')
        text_printf(t, "%s, ", said);
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
static void add_figures(struct text *t, const struct qhcp_view *v, const struct check_rules *rules)
{
    char ranges[100];

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
        check_rules_ranges(rules, value->name, ranges, sizeof ranges);
        text_printf(t, "%s;%s;%s",
                    value->unit == 1   ? "%"
                    : value->unit == 2 ? "B"
                    : value->unit == 3 ? "us"
                                       : "",
                    ranges, value->unit == 1 ? "0;100" : "0");
    }
    check_rules_ranges(rules, "rtt_us", ranges, sizeof ranges);
    text_printf(t, " rtt=%lluus;%s;0", (unsigned long long)v->rtt_us, ranges);
    if (v->certificate_expires != 0) {
        int64_t left = v->certificate_expires - rules->wall;

        check_rules_ranges(rules, "certificate_days", ranges, sizeof ranges);
        text_printf(t, " certificate_days=%lld;%s;0", (long long)(left > 0 ? left / 86400 : 0),
                    ranges);
    }
}

void check_line_text(const struct qhcp_view *view, enum check_line_status status, const char *said,
                     const struct check_rules *rules, char *ret, size_t cap)
{
    static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
    struct text t = {0};

    text_printf(&t, "QHCP %s - ", names[status]);
    add_words(&t, view, status, said);
    if (view->n_values > 0)
        add_figures(&t, view, rules);
    snprintf(ret, cap, "%s\n", t.failed || !t.at ? "QHCP UNKNOWN - out of memory" : t.at);
    text_deinit(&t);
}
