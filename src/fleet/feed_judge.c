/* What follows for all servers together, when something is published: panic, and the brake. */
#include <stdio.h>

#include "fleet/feed.h"
#include "fleet/panic.h"

static void judge_panic(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    struct fleet_self *self = &f->next->self;
    size_t healthy = fleet_healthy_count(self), total = healthy + self->by_state[QHCP_DOWN];
    bool on = panic_next(self->use != QHCP_USE_HEALTHY, healthy, total, f->panic_percent);
    enum qhcp_use use = on ? f->panic_use : QHCP_USE_HEALTHY;
    struct fleet_change change = {.kind = FLEET_PANIC,
                                  .slot = FLEET_NOBODY,
                                  .from = (uint8_t)self->use,
                                  .to = (uint8_t)use,
                                  .at = now,
                                  .at_ms = wall_ms};

    if (use == self->use)
        return;
    self->use = use;
    snprintf(change.words, sizeof change.words, "%zu of %zu servers are healthy (threshold %u %%)",
             healthy, total, f->panic_percent);
    feed_tell(f, &change);
}

/* It begins to hold servers, holds twice as many as was told, or ends. */
static void judge_brake(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    struct fleet_self *self = &f->next->self;
    struct fleet_change change = {.kind = FLEET_BRAKE,
                                  .slot = FLEET_NOBODY,
                                  .from = f->held_told > 0,
                                  .to = self->held > 0,
                                  .cause = QHCP_CAUSE_BRAKE,
                                  .at = now,
                                  .at_ms = wall_ms};

    f->held_most = self->held > f->held_most ? self->held : f->held_most;
    if (change.from == change.to && self->held < 2 * (uint64_t)f->held_told)
        return;
    if (!change.from && !change.to)
        return;
    self->braked += !change.from;
    if (change.to)
        snprintf(change.words, sizeof change.words, "%u server%s silent, and not called down yet",
                 self->held, self->held == 1 ? " is" : "s are");
    else
        snprintf(change.words, sizeof change.words, "at most %u server%s held", f->held_most,
                 f->held_most == 1 ? " was" : "s were");
    f->held_told = self->held;
    if (!change.to)
        f->held_most = 0;
    feed_tell(f, &change);
}

void feed_judge(struct feed *f, qhcp_nsec now, int64_t wall_ms)
{
    judge_panic(f, now, wall_ms);
    judge_brake(f, now, wall_ms);
}
