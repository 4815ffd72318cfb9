#include "picture.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"

static void must(int r)
{
    if (r < 0)
        abort();
}

void picture_begin(struct picture *p)
{
    *p = (struct picture){.feed = NULL};
    must(feed_new(0, &p->feed));
}

void picture_end(struct picture *p)
{
    feed_free(p->feed);
}

struct fleet_entry *picture_change(struct picture *p, const char *name)
{
    struct fleet_entry *e;
    uint32_t slot;

    must(feed_find(p->feed, name, &slot));
    e = feed_change(p->feed, slot);
    if (!e)
        abort();
    return e;
}

struct fleet_entry *picture_add(struct picture *p, const char *name, const char *target)
{
    struct fleet_entry *e;
    struct address a;
    char words[200];
    uint32_t slot;

    must(feed_add(p->feed, name, &slot));
    e = feed_change(p->feed, slot);
    must(feed_text(p->feed, e, FLEET_ADDRESS, name));
    e->verdict.state = QHCP_UP;
    e->verdict.own_share = 1000;
    e->verdict.trusted = true;
    e->report.utilization = FLEET_UNKNOWN;
    if (!target)
        return e;
    must(address_parse(target, &a, words, sizeof words));
    e->target = a.addr;
    return e;
}

void picture_down(struct fleet_entry *e)
{
    e->verdict.state = QHCP_DOWN;
    e->verdict.own_share = 0;
}

const struct sink_view *picture_view(struct picture *p)
{
    const struct fleet_snapshot *s;

    must(feed_publish(p->feed, NSEC_PER_SEC, 1000));
    s = feed_current(p->feed);
    for (uint32_t at = 0; at < s->slots && at < sizeof p->say / sizeof p->say[0]; at++) {
        struct say before = p->say[at];

        say_server(snapshot_at(s, at), s->self.use, &before, &p->say[at]);
    }
    p->view = (struct sink_view){.snapshot = s, .say = p->say, .slots = s->slots, .all = true};
    return &p->view;
}
