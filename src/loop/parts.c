/* The parts of the process that live on a loop, in the order in which they were added.
 *
 * A round calls each part once, and any of them may add and remove parts meanwhile, itself too.  So
 * the loop keeps the place of the round (`upcoming`), which a removal moves on, and the number of
 * the round, by which a part that was added in it is known and passed over: a round always ends. */
#include "loop/internal.h"

void loop_add(struct loop *l, struct loop_part *part)
{
    part->loop = l;
    part->round = l->round;
    part->next = NULL;
    part->link = l->last_part;
    *l->last_part = part;
    l->last_part = &part->next;
}

void loop_remove(struct loop_part *part)
{
    struct loop *l = part->loop;

    if (!l)
        return;
    if (l->upcoming == part)
        l->upcoming = part->next;
    *part->link = part->next;
    if (part->next)
        part->next->link = part->link;
    else
        l->last_part = part->link;
    part->loop = NULL;
}

static void expire(struct loop_part *part)
{
    qhcp_nsec due = part->deadline ? part->deadline(part->ctx) : NSEC_NEVER, now = loop_now();

    if (due <= now)
        part->expire(part->ctx, now);
}

static void turn(struct loop_part *part)
{
    if (part->turn)
        part->turn(part->ctx, loop_now());
}

static void each(struct loop *l, void (*call)(struct loop_part *part))
{
    l->round++;
    for (struct loop_part *part = l->parts; part; part = l->upcoming) {
        l->upcoming = part->next;
        if (part->round != l->round)
            call(part);
    }
}

qhcp_nsec parts_deadline(const struct loop *l)
{
    qhcp_nsec at = NSEC_NEVER;

    for (const struct loop_part *part = l->parts; part; part = part->next)
        if (part->deadline)
            at = nsec_min(at, part->deadline(part->ctx));
    return at;
}

void parts_expire(struct loop *l)
{
    each(l, expire);
}

void loop_again(struct loop *l)
{
    l->turn_again = true;
}

void parts_turn(struct loop *l)
{
    l->turn_again = false;
    each(l, turn);
}
