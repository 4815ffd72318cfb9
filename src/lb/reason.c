/* The words of a verdict: they name the cause, in the operator's terms. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
        return "administratively prohibited (ICMP)";
    case EPERM:
        return "not sent: this machine's local firewall refuses it";
    case EINVAL:
        return "not sent: nothing can be sent to such an address from here";
    case EMSGSIZE:
        return "path too small for QUIC: the interface of this machine that leads there needs an "
               "MTU of at least 1228 bytes (`ip link` shows it)";
    case EADDRNOTAVAIL:
        return "this machine has no address to send from";
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

static void held_words(struct backend *b)
{
    const struct flap *f = &b->health.flap;
    qhcp_nsec now = b->lb->now, left = f->until > now ? f->until - now : 0;

    snprintf(b->reason, sizeof b->reason,
             "serves again, held down for %llu s more after %u faults in short time",
             (unsigned long long)((left + NSEC_PER_SEC - 1) / NSEC_PER_SEC), f->faults);
}

static const char *signal_name(int signal)
{
    static const char *const names[] = {
        [HEALTH_SIGNAL_ICMP] = "ICMP",
        [HEALTH_SIGNAL_ICMP_CERTAIN] = "ICMP",
        [HEALTH_SIGNAL_RESET] = "reset",
        [HEALTH_SIGNAL_CLOSED] = "connection closed",
        [HEALTH_SIGNAL_REFUSED] = "refusal",
        [HEALTH_SIGNAL_TERMINATE] = "TERMINATE",
        [HEALTH_SIGNAL_DIAL_FAILED] = "attempt failed",
        [HEALTH_SIGNAL_DIAL_UNREACHABLE] = "attempt unreachable",
        [HEALTH_SIGNAL_RETURNED] = "returned",
    };

    return names[signal];
}

/* Appends; what does not fit is left out. */
static void add(char *ret, size_t cap, size_t *n, const char *format, ...)
{
    va_list args;
    int k;

    va_start(args, format);
    k = vsnprintf(ret + *n, cap - *n, format, args);
    va_end(args);
    *n = k < 0 ? *n : (size_t)k < cap - *n ? *n + (size_t)k : cap - 1;
}

void reason_evidence(const struct backend *b, char *ret, size_t cap)
{
    const struct evidence *e = &b->health.evidence;
    char samples[300];
    size_t n = 0;

    ret[0] = '\0';
    if (e->at == 0)
        return;
    if (e->misses > 0)
        add(ret, cap, &n, "%u missed in %.0f ms, asked %u over %.0f ms; ", e->misses,
            (double)e->span / 1e6, e->misses_asked, (double)e->span_asked / 1e6);
    if (e->dials > 0)
        add(ret, cap, &n, "%u failures in a row; ", e->dials);
    if (e->signal >= 0)
        add(ret, cap, &n, "last signal: %s, %.0f ms before; ", signal_name(e->signal),
            (double)(e->at - e->signal_at) / 1e6);
    add(ret, cap, &n, "srtt %.1f ms, loss %.1f %%", (double)e->srtt / 1e6, e->share / 100.0);
    evidence_format(&e->ring, e->at, samples, sizeof samples);
    if (samples[0] != '\0')
        add(ret, cap, &n, "; checks: %s", samples);
}

static void make_words(struct backend *b, const struct health_step *step)
{
    switch (b->health.cause) {
    case HEALTH_CAUSE_NONE:
    case HEALTH_CAUSE_METRICS:
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
    case HEALTH_CAUSE_DATA_PORT:
        snprintf(b->reason, sizeof b->reason, "the agent answers, but its data port does not: %s",
                 b->port_words);
        break;
    case HEALTH_CAUSE_HELD:
        held_words(b);
        break;
    }
}

void reason_update(struct backend *b, const struct health_step *step)
{
    char before[QHCP_TEXT];

    memcpy(before, b->reason, sizeof before);
    make_words(b, step);
    if (strcmp(before, b->reason) != 0)
        publish_mark(b, QHCP_CHANGE_REASON);
}
