/* Packets to the cores and from them, and their deadlines. */
#include "fleet.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/address.h"

void fleet_busy(struct fleet *f, struct member *m)
{
    if (m->queued)
        return;
    m->queued = true;
    m->next = NULL;
    *f->last_busy = m;
    f->last_busy = &m->next;
}

static struct member *member_of(const struct fleet *f, const union qhcp_addr *local)
{
    uint32_t number = ntohl(local->in.sin_addr.s_addr) - FLEET_FIRST;

    return local->sa.sa_family == AF_INET && number >= 1 && number <= f->n ? &f->members[number - 1]
                                                                           : NULL;
}

void fleet_receive(void *ctx, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    struct fleet *f = ctx;

    f->counts.in += n;
    for (size_t i = 0, run; i < n; i += run) {
        struct member *m = member_of(f, &packets[i].local);

        for (run = 1; i + run < n && member_of(f, &packets[i + run].local) == m;)
            run++;
        if (m)
            member_receive(f, m, now, packets + i, run);
    }
}

/* Short headers (RFC 9000, 17.3): packets of sessions that are established. */
static void count_out(struct fleet *f, const struct qhcp_packet *packets, size_t n)
{
    f->counts.out += n;
    for (size_t i = 0; i < n; i++)
        f->counts.answers += !(packets[i].data[0] & 0x80);
}

static struct member *take_busy(struct fleet *f)
{
    struct member *m = f->busy;

    f->busy = m->next;
    if (!f->busy)
        f->last_busy = &f->busy;
    m->queued = false;
    return m;
}

size_t fleet_send(void *ctx, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    struct fleet *f = ctx;
    size_t filled = 0;

    while (f->busy && filled < n) {
        struct member *m = f->busy;
        size_t more = m->core && !m->silent
                          ? qhcp_server_send(m->core, now, packets + filled, n - filled)
                          : 0;

        filled += more;
        if (more > 0)
            continue;
        take_busy(f);
        if (m->stopping && qhcp_server_stopped(m->core))
            member_end(f, m);
        wheel_set(&f->wheel, &m->timer, member_deadline(m));
    }
    count_out(f, packets, filled);
    return filled;
}

void fleet_dropped(void *ctx, qhcp_nsec now, uint64_t n)
{
    struct fleet *f = ctx;

    (void)now;
    f->counts.dropped += n;
}

static qhcp_nsec on_deadline(void *ctx)
{
    return wheel_deadline(&((struct fleet *)ctx)->wheel);
}

static void on_expire(void *ctx, qhcp_nsec now)
{
    struct fleet *f = ctx;
    struct wheel_timer *due;

    for (size_t most = f->wheel.count; most > 0 && (due = wheel_due(&f->wheel, now)); most--) {
        struct member *m = (struct member *)due;

        wheel_set(&f->wheel, &m->timer, NSEC_NEVER); /* until it has sent what it has to */
        member_expire(f, m, now);
    }
}

int fleet_start(struct fleet *f, char *words, size_t words_cap)
{
    unsigned blocks = (f->n + CERT_SERVERS - 1) / CERT_SERVERS, all;
    qhcp_nsec now = loop_now();
    int r;

    f->last_busy = &f->busy;
    f->n_holders = blocks + 1;
    all = f->n + f->n_holders;
    f->rss = tell_rss();
    f->members = calloc(all, sizeof *f->members);
    if (!f->members || wheel_reserve(&f->wheel, all) != 0) {
        snprintf(words, words_cap, "out of memory");
        return QHCP_E_NOMEM;
    }
    r = member_start(f, &f->members[all - 1], now, words, words_cap); /* makes the directory */
    if (r == 0)
        r = certs_make(f, words, words_cap);
    for (unsigned i = all - 1; r == 0 && i-- > 0;) /* holders first */
        r = member_start(f, &f->members[i], loop_now(), words, words_cap);
    f->part =
        (struct loop_part){.name = "fleet", .ctx = f, .deadline = on_deadline, .expire = on_expire};
    if (r == 0)
        loop_add(f->loop, &f->part);
    return r;
}

void fleet_deinit(struct fleet *f)
{
    if (f->members)
        for (unsigned i = 0; i < f->n + f->n_holders; i++)
            member_end(f, &f->members[i]);
    loop_remove(&f->part);
    wheel_deinit(&f->wheel);
    free(f->members);
    certs_remove(f);
}
