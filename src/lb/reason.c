/* The words of a verdict: they name the cause, in the operator's terms. */
#include <errno.h>
#include <stdio.h>

#include "lb/internal.h"

const char *reason_icmp(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return "port unreachable (ICMP)";
    case EHOSTUNREACH:
        return "host unreachable (ICMP)";
    case ENETUNREACH:
        return "network unreachable (ICMP or no route)";
    case EACCES:
    case EPERM:
        return "administratively prohibited (ICMP or local firewall)";
    default:
        return "unreachable (ICMP)";
    }
}

static void status_words(struct backend *b)
{
    static const char *const words[] = {
        [QHCP_UP] = "",
        [QHCP_CONNECTING] = "",
        [QHCP_DEGRADED] = "server is degraded",
        [QHCP_DRAINING] = "server is draining",
        [QHCP_MAINTENANCE] = "server is in maintenance",
        [QHCP_DOWN] = "server is not serving",
    };
    const char *w = words[b->health.state];

    if (b->status_reason[0] != '\0' && w[0] != '\0')
        snprintf(b->reason, sizeof b->reason, "%s: %.200s", w, b->status_reason);
    else
        snprintf(b->reason, sizeof b->reason, "%s", w);
}

static void silence_words(struct backend *b, const struct health_step *step)
{
    unsigned long long ms = (step->span + NSEC_PER_MSEC / 2) / NSEC_PER_MSEC;

    snprintf(b->reason, sizeof b->reason, "no answer to %u check%s in %llu ms", step->misses,
             step->misses == 1 ? "" : "s", ms);
}

static void dial_words(struct backend *b, const char *otherwise)
{
    snprintf(b->reason, sizeof b->reason, "%s", b->why[0] != '\0' ? b->why : otherwise);
}

void reason_update(struct backend *b, const struct health_step *step)
{
    switch (b->health.cause) {
    case HEALTH_CAUSE_NONE:
    case HEALTH_CAUSE_STATUS:
        status_words(b);
        break;
    case HEALTH_CAUSE_SILENCE:
        if (step->misses > 0)
            silence_words(b, step);
        break;
    case HEALTH_CAUSE_UNREACHABLE:
        snprintf(b->reason, sizeof b->reason, "%s", reason_icmp(b->icmp_error));
        break;
    case HEALTH_CAUSE_NO_HANDSHAKE:
        dial_words(b, "no answer to connection attempts");
        break;
    case HEALTH_CAUSE_REFUSED:
        dial_words(b, "refused");
        break;
    case HEALTH_CAUSE_STOPPED:
        snprintf(b->reason, sizeof b->reason, "server stopped");
        break;
    case HEALTH_CAUSE_CLOSED:
        dial_words(b, "connection closed by the server");
        break;
    case HEALTH_CAUSE_METRICS:
        snprintf(b->reason, sizeof b->reason,
                 "its answers lack cpu_usage_percent or memory_usage_percent");
        break;
    }
}
