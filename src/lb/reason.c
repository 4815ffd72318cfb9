#include "lb/reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
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
        return "not sent: this machine cannot send to such an address";
    case EMSGSIZE:
        return "path too small for QUIC: this machine's interface to it needs an MTU of at least "
               "1228 bytes (see `ip link`)";
    case EADDRNOTAVAIL:
        return "this machine has no address to send from";
    default:
        return "unreachable (ICMP)";
    }
}

static void status_words(const struct backend *b, char *ret, size_t cap)
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

    if (!kept_empty(&b->report.words) && w[0] != '\0')
        snprintf(ret, cap, "%s: %.200s", w, kept_text(&b->report.words));
    else
        snprintf(ret, cap, "%s", w);
}

static void silence_words(const struct health_step *step, char *ret, size_t cap)
{
    unsigned long long ms = (step->span + NSEC_PER_MSEC / 2) / NSEC_PER_MSEC;

    snprintf(ret, cap, "no answer to %u check%s in %llu ms", step->misses,
             step->misses == 1 ? "" : "s", ms);
}

static void held_words(const struct backend *b, char *ret, size_t cap)
{
    const struct flap *f = &b->health.flap;
    qhcp_nsec now = b->lb->now, left = f->until > now ? f->until - now : 0;

    snprintf(ret, cap,
             "serves again, kept down for another %llu s after %u failures within 10 minutes",
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
        add(ret, cap, &n, "%u missed in %.0f ms (needed for a verdict: %u misses over %.0f ms); ",
            e->misses, (double)e->span / 1e6, e->misses_asked, (double)e->span_asked / 1e6);
    if (e->dials > 0)
        add(ret, cap, &n, "%u failure%s in a row; ", e->dials, e->dials == 1 ? "" : "s");
    if (e->signal >= 0)
        add(ret, cap, &n, "last signal: %s, %.0f ms before; ", signal_name(e->signal),
            (double)(e->at - e->signal_at) / 1e6);
    add(ret, cap, &n, "srtt %.1f ms, loss %.1f %%", (double)e->srtt / 1e6, e->share / 100.0);
    evidence_format(&e->ring, e->at, samples, sizeof samples);
    if (samples[0] != '\0')
        add(ret, cap, &n, "; checks: %s", samples);
}

static void make_words(const struct backend *b, const struct health_step *step, char *ret,
                       size_t cap)
{
    const char *why = kept_empty(&b->reason.why) ? NULL : kept_text(&b->reason.why);

    switch (b->health.cause) {
    case HEALTH_CAUSE_NONE:
    case HEALTH_CAUSE_METRICS:
    case HEALTH_CAUSE_STATUS:
        status_words(b, ret, cap);
        break;
    case HEALTH_CAUSE_SILENCE:
        if (step->misses > 0)
            silence_words(step, ret, cap);
        break;
    case HEALTH_CAUSE_UNREACHABLE:
        snprintf(ret, cap, "%s", reason_icmp(b->paths.icmp_error));
        break;
    case HEALTH_CAUSE_NO_HANDSHAKE:
        snprintf(ret, cap, "%s", why ? why : "no answer to connection attempts");
        break;
    case HEALTH_CAUSE_REFUSED:
        snprintf(ret, cap, "%s", why ? why : "refused");
        break;
    case HEALTH_CAUSE_STOPPED:
        snprintf(ret, cap, "server stopped");
        break;
    case HEALTH_CAUSE_CLOSED:
        snprintf(ret, cap, "%s", why ? why : "connection closed by the server");
        break;
    case HEALTH_CAUSE_DATA_PORT:
        snprintf(ret, cap, "the agent answers, but its data port does not: %s",
                 kept_text(&b->reason.port));
        break;
    case HEALTH_CAUSE_HELD:
        held_words(b, ret, cap);
        break;
    case HEALTH_CAUSE_BRAKE:
        snprintf(
            ret, cap,
            "HELD: it is silent, but %zu servers went down for silence within %llu s, which is "
            "all that the brake lets through (%u %%)",
            b->lb->brake.taken, (unsigned long long)(b->lb->brake.span / NSEC_PER_SEC),
            b->lb->brake.percent);
        break;
    case HEALTH_CAUSE_OPERATOR:
        break;
    }
}

void reason_find(struct backend *b, const struct health_step *step)
{
    char words[QHCP_TEXT];

    kept_copy(&b->reason.words, words, sizeof words); /* they stay where there are no better */
    make_words(b, step, words, sizeof words);
    if (strcmp(words, kept_text(&b->reason.words)) == 0)
        return;
    kept_set(&b->reason.words, words, sizeof words);
    publish_mark(b, QHCP_CHANGE_REASON);
}

void reason_because(struct backend *b, const char *words)
{
    kept_set(&b->reason.why, words, QHCP_TEXT);
}

void reason_port(struct backend *b, const char *words)
{
    char clean[REASON_PORT];

    utf8_clean(slice_str(words), clean, sizeof clean);
    kept_set(&b->reason.port, clean, sizeof clean);
}

void reason_stalled(struct backend *b, qhcp_nsec silence)
{
    b->reason.stalled_ms = silence / NSEC_PER_MSEC;
    if (silence > 0)
        lb_log(b->lb, QHCP_LOG_INFO,
               "%s: the verdict was false: the same session answers again, %llu ms after it fell "
               "silent (%u false verdict%s so far)",
               b->text, b->reason.stalled_ms, b->health.false_verdicts,
               b->health.false_verdicts == 1 ? "" : "s");
}

void reason_tell(struct backend *b, enum qhcp_state from)
{
    char words[QHCP_TEXT] = "serving";

    if (from == QHCP_DOWN && b->reason.stalled_ms > 0)
        snprintf(words, sizeof words,
                 "serving: the same session answers again, %llu ms after it fell silent (a false "
                 "verdict)",
                 b->reason.stalled_ms);
    b->reason.stalled_ms = 0;
    publish_event(b, from, b->health.state,
                  kept_empty(&b->reason.words) ? words : kept_text(&b->reason.words));
}

void reason_deinit(struct reason *r)
{
    kept_deinit(&r->words);
    kept_deinit(&r->why);
    kept_deinit(&r->port);
}
