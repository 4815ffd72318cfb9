#include "daemon/service.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

static void notify(const char *state)
{
#ifdef HAVE_SYSTEMD
    sd_notify(0, state);
#else
    (void)state;
#endif
}

static void notify_words(const char *before, const char *words)
{
    char state[300];

    snprintf(state, sizeof state, "%sSTATUS=%s", before, words);
    notify(state);
}

static uint64_t watchdog_usec(void)
{
    uint64_t usec = 0;

#ifdef HAVE_SYSTEMD
    if (sd_watchdog_enabled(0, &usec) <= 0)
        usec = 0;
#endif
    return usec;
}

bool service_managed(void)
{
    return getenv("NOTIFY_SOCKET") != NULL;
}

static qhcp_nsec deadline(void *ctx)
{
    return ((struct service *)ctx)->next;
}

static void expire(void *ctx, qhcp_nsec now)
{
    struct service *s = ctx;

    s->next = nsec_add(now, s->watchdog);
    notify("WATCHDOG=1");
}

void service_starting(const char *words)
{
    char before[60];

    snprintf(before, sizeof before, "EXTEND_TIMEOUT_USEC=%llu\n",
             (unsigned long long)(SERVICE_PATIENCE / NSEC_PER_USEC));
    notify_words(before, words);
}

void service_ready(struct service *s, struct loop *loop, const char *words)
{
    s->ready = true;
    s->watchdog = watchdog_usec() * NSEC_PER_USEC / 2; /* sd_watchdog_enabled(3): half of it */
    s->next = nsec_add(loop_now(), s->watchdog);
    s->part =
        (struct loop_part){.name = "service", .ctx = s, .deadline = deadline, .expire = expire};
    if (s->watchdog > 0)
        loop_add(loop, &s->part);
    notify_words("READY=1\n", words);
}

void service_deinit(struct service *s)
{
    loop_remove(&s->part);
}

void service_says(const char *words)
{
    notify_words("", words);
}

void service_reloading(const struct service *s, qhcp_nsec now)
{
    char state[80];

    if (!s->ready)
        return;
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(now / NSEC_PER_USEC));
    notify(state);
}

void service_reloaded(const struct service *s, const char *words)
{
    if (s->ready)
        notify_words("READY=1\n", words);
}

void service_stopping(const char *words)
{
    notify_words("STOPPING=1\n", words);
}
