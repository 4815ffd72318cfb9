/* One server of the fleet. */
#include <stdlib.h>
#include <string.h>

#include "base/os/clock.h"
#include "base/os/log.h"
#include "fleet.h"
#include "wire/registry.h"

unsigned member_number(const struct fleet *f, const struct member *m)
{
    return (unsigned)(m - f->members) + 1;
}

void member_address(unsigned number, char ret[16])
{
    unsigned a = FLEET_FIRST + number;

    snprintf(ret, 16, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

/* Values that differ from server to server, so that a load balancer has something to tell apart. */
static int set_metrics(struct qhcp_server *core, unsigned number)
{
    int r = qhcp_server_set_metric(core, "cpu_usage_percent", WIRE_UNIT_PERCENT,
                                   (5 + number * 37 % 60) * 100);

    return r != 0 ? r
                  : qhcp_server_set_metric(core, "memory_usage_percent", WIRE_UNIT_PERCENT,
                                           (20 + number * 13 % 50) * 100);
}

int member_start(struct fleet *f, struct member *m, qhcp_nsec now, char *words, size_t words_cap)
{
    unsigned number = member_number(f, m), root = f->n + f->n_holders - 1;
    unsigned holder = number <= f->n ? (number - 1) / CERT_SERVERS : number - f->n - 1;
    char address[16] = "127.0.0.1", id[32], cert[FLEET_PATH], key[FLEET_PATH];
    struct qhcp_server_config config = {.id = id,
                                        .address = address,
                                        .port = f->port,
                                        .metrics_given = true,
                                        .wall_clock = clock_unix,
                                        .log = log_callback};
    int r;

    if (number <= f->n)
        member_address(number, address);
    snprintf(id, sizeof id, "fleet-%u", number);
    certs_path(f, holder, cert);
    certs_key_path(f, key);
    if (number <= root) {
        config.cert_file = cert;
        config.key_file = key;
        config.share = f->members[number <= f->n ? f->n + holder : root].core;
    }
    m->last = &m->first;
    r = qhcp_server_new(&config, now, &m->core, words, words_cap);
    if (r == 0)
        r = set_metrics(m->core, number);
    if (r == 0)
        fleet_busy(f, m);
    return r;
}

static void drop_delayed(struct member *m)
{
    for (struct delayed *d = m->first, *next; d; d = next) {
        next = d->next;
        free(d);
    }
    m->first = NULL;
    m->last = &m->first;
    m->n_delayed = 0;
}

void member_end(struct fleet *f, struct member *m)
{
    wheel_set(&f->wheel, &m->timer, NSEC_NEVER);
    qhcp_server_free(m->core);
    drop_delayed(m);
    m->core = NULL;
    m->stopping = m->silent = false;
    m->slow = 0;
}

static void delay(struct fleet *f, struct member *m, qhcp_nsec now, const struct qhcp_packet *p)
{
    struct delayed *d = NULL;

    if (m->n_delayed < FLEET_DELAYED)
        d = malloc(sizeof *d + p->len);
    if (!d) {
        f->counts.dropped++;
        return;
    }
    *d = (struct delayed){.due = nsec_add(now, m->slow), .packet = *p};
    d->packet.data = d->data;
    memcpy(d->data, p->data, p->len);
    *m->last = d;
    m->last = &d->next;
    m->n_delayed++;
}

static void hear(struct fleet *f, struct member *m, qhcp_nsec now,
                 const struct qhcp_packet *packets, size_t n)
{
    size_t before = qhcp_server_sessions(m->core), after;

    qhcp_server_receive(m->core, now, packets, n);
    after = qhcp_server_sessions(m->core);
    f->counts.begun += after > before ? after - before : 0;
}

void member_receive(struct fleet *f, struct member *m, qhcp_nsec now,
                    const struct qhcp_packet *packets, size_t n)
{
    if (!m->core || m->silent)
        return;
    if (m->slow == 0 && !m->first)
        hear(f, m, now, packets, n);
    else
        for (size_t i = 0; i < n; i++)
            delay(f, m, now, &packets[i]);
    fleet_busy(f, m);
}

qhcp_nsec member_deadline(const struct member *m)
{
    if (!m->core || m->silent)
        return NSEC_NEVER;
    return nsec_min(qhcp_server_deadline(m->core), m->first ? m->first->due : NSEC_NEVER);
}

void member_expire(struct fleet *f, struct member *m, qhcp_nsec now)
{
    while (m->first && m->first->due <= now) {
        struct delayed *d = m->first;

        m->first = d->next;
        if (!m->first)
            m->last = &m->first;
        m->n_delayed--;
        hear(f, m, now, &d->packet, 1);
        free(d);
    }
    if (qhcp_server_deadline(m->core) <= now)
        qhcp_server_expire(m->core, now);
    fleet_busy(f, m);
}
