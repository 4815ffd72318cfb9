/* The load balancer's public functions: configuration, packets, time. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os/entropy.h"
#include "base/prefetch.h"
#include "base/value.h"
#include "lb/internal.h"

void lb_log(struct qhcp_lb *lb, enum qhcp_log_level level, const char *format, ...)
{
    char text[1024];
    va_list args;

    if (!lb->config->log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    lb->config->log(lb->config->ctx, level, text);
}

/* Ids ascend with the index. */
size_t lb_index(const struct qhcp_lb *lb, size_t id)
{
    size_t low = 0, high = lb->count;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (lb->backends[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < lb->count && lb->backends[low]->id == id ? low : lb->count;
}

static struct qhcp_panic panic_of(const struct qhcp_lb *lb)
{
    size_t healthy = lb->in_state[QHCP_UP] + lb->in_state[QHCP_DEGRADED];

    return (struct qhcp_panic){.on = lb->use != QHCP_USE_HEALTHY,
                               .use = lb->use,
                               .healthy = healthy,
                               .total = healthy + lb->in_state[QHCP_DOWN]};
}

void lb_judge_panic(struct qhcp_lb *lb)
{
    unsigned threshold = lb->config->panic_threshold;
    struct qhcp_panic p = panic_of(lb);

    p.on = panic_next(p.on, p.healthy, p.total, threshold <= 100 ? threshold : 0);
    p.use = p.on ? lb->config->panic_mode : QHCP_USE_HEALTHY;
    if (p.use == lb->use || lb->stopping)
        return;
    lb->use = p.use;
    settle_later_all(lb);
    if (lb->config->panic)
        lb->config->panic(lb->config->ctx, &p);
}

/* Every public call that may change something begins here.  What was due before the call shows how
 * late our owner is: busy, starved, or stopped. */
static void begin(struct qhcp_lb *lb, qhcp_nsec now)
{
    qhcp_nsec due = nsec_max(wheel_deadline(&lb->wheel), lb->now);

    if (lb->depth++ == 0 && now > due) {
        local_late(&lb->local, now, now - due);
        starts_late(&lb->starts, now, now - due);
    }
    lb->now = now;
}

/* ... and ends here. */
static void end(struct qhcp_lb *lb)
{
    settle_touched(lb);
    lb->depth--;
}

static void use_config(struct qhcp_lb *lb, struct lb_config *owned)
{
    lb->owned = owned;
    lb->config = &owned->c;
}

/* On failure words say why, but of QHCP_E_NOMEM, and what was opened is qhcp_lb_free's to close. */
static int open_lb(struct qhcp_lb *lb, const struct qhcp_lb_config *config, char *words,
                   size_t words_cap)
{
    const struct quic_endpoint_config quic = {
        .ctx = lb, .handlers = &link_handlers, .user_size = sizeof(struct backend)};
    struct credentials credentials;
    struct lb_config *owned;
    int err = entropy_fill(&lb->seed, sizeof lb->seed);

    if (err != 0) {
        snprintf(words, words_cap, "the kernel gives no random bytes");
        return err;
    }
    err = config_new(config, &owned, words, words_cap);
    if (err != 0)
        return err;
    use_config(lb, owned);
    err = state_open(&lb->state, words, words_cap);
    if (err != 0)
        return err;
    lb->state_open = true;
    shelf_open(&lb->shelf, &lb->state);
    err = credentials_read(lb, lb->config, &credentials, words, words_cap);
    if (err != 0)
        return err;
    credentials_take(lb, lb->now, &credentials);
    lb->revoked_tell_at = nsec_add(lb->now, REVOKED_WAIT);
    return quic_endpoint_new(&quic, lb->credentials.tls, &lb->quic);
}

int qhcp_lb_new(const struct qhcp_lb_config *config, qhcp_nsec now, struct qhcp_lb **ret,
                char *words, size_t words_cap)
{
    struct qhcp_lb *lb = calloc(1, sizeof *lb);
    int err = QHCP_E_NOMEM;

    if (lb) {
        lb->now = now;
        paths_idle(lb);
        starts_init(&lb->starts, now);
        err = open_lb(lb, config, words, words_cap);
    }
    if (err == 0) {
        *ret = lb;
        return 0;
    }
    if (err == QHCP_E_NOMEM)
        snprintf(words, words_cap, "out of memory");
    qhcp_lb_free(lb);
    return err;
}

void qhcp_lb_free(struct qhcp_lb *lb)
{
    if (!lb)
        return;
    HASH_CLEAR(hh, lb->by_key);
    for (size_t i = 0; i < lb->count; i++) { /* before quic, which keeps connections for them */
        ticket_save(lb->backends[i]);
        backend_free(lb->backends[i]);
    }
    free(lb->backends);
    quic_endpoint_free(lb->quic);
    wheel_deinit(&lb->wheel);
    credentials_deinit(&lb->credentials);
    shelf_close(&lb->shelf);
    if (lb->state_open)
        state_close(&lb->state);
    config_free(lb->owned);
    free(lb);
}

static struct backend *find(const struct qhcp_lb *lb, const struct address *a)
{
    char key[ADDRESS_KEY];
    struct backend *b;

    address_key(a, key);
    HASH_FIND_STR(lb->by_key, key, b);
    return b;
}

/* Of the server listed under this text's address; NULL: none is. */
struct backend *lb_find(const struct qhcp_lb *lb, const char *text)
{
    char ignored[QHCP_TEXT];
    struct address a;

    return address_parse(text, &a, ignored, sizeof ignored) == 0 ? find(lb, &a) : NULL;
}

static int reserve(struct qhcp_lb *lb)
{
    size_t cap = lb->cap ? lb->cap * 2 : 16;
    struct backend **grown;

    if (lb->count < lb->cap)
        return 0;
    grown = realloc(lb->backends, cap * sizeof *grown);
    if (!grown)
        return QHCP_E_NOMEM;
    lb->backends = grown;
    if (wheel_reserve(&lb->wheel, cap) != 0)
        return QHCP_E_NOMEM;
    lb->cap = cap;
    return 0;
}

/* The backend of this address, listed. */
static int list(struct qhcp_lb *lb, const char *text, const struct address *a, struct backend **ret)
{
    struct backend *b;
    int err = reserve(lb);

    if (err == 0)
        err = backend_new(lb, lb->now, text, a, &b);
    if (err != 0)
        return err;
    HASH_ADD_KEYPTR(hh, lb->by_key, b->key, strlen(b->key), b);
    if (b->unlisted) {
        backend_free(b);
        return QHCP_E_NOMEM;
    }
    lb->backends[lb->count++] = b;
    tick_adapt(lb);
    hold_adapt(lb);
    *ret = b;
    return 0;
}

static int add(struct qhcp_lb *lb, const char *address, char *words, size_t words_cap)
{
    char quote[VALUE_QUOTE + 8];
    struct address a;
    struct backend *b;
    int err = address_parse(address, &a, words, words_cap);

    if (err != 0)
        return err;
    if (find(lb, &a)) {
        snprintf(words, words_cap, "%s is in the list twice", value_quote(address, quote));
        return QHCP_E_EXISTS;
    }
    err = list(lb, address, &a, &b);
    if (err == 0)
        publish_added(b);
    else
        snprintf(words, words_cap, "%s", qhcp_strerror(err));
    return err;
}

int qhcp_lb_add(struct qhcp_lb *lb, qhcp_nsec now, const char *address, char *words,
                size_t words_cap)
{
    int err;

    begin(lb, now);
    err = add(lb, address, words, words_cap);
    end(lb);
    return err;
}

int qhcp_lb_tune(struct qhcp_lb *lb, qhcp_nsec now, const char *address,
                 const struct qhcp_tuning *tuning)
{
    struct backend *b = lb_find(lb, address);

    if (!own_valid(tuning))
        return QHCP_E_ARG;
    if (!b)
        return QHCP_E_NOT_FOUND;
    begin(lb, now);
    if (own_set(b, tuning))
        backend_configure(b, now, false);
    end(lb);
    return 0;
}

size_t qhcp_lb_remove_many(struct qhcp_lb *lb, qhcp_nsec now, const char *const *addresses,
                           size_t n)
{
    struct removal removal = {0};
    struct backend *b;

    begin(lb, now);
    for (size_t i = 0; i < n; i++)
        if ((b = lb_find(lb, addresses[i])))
            removal_add(&removal, b);
    if (removal.n > 0)
        removal_end(&removal, lb, now);
    end(lb);
    return removal.n;
}

int qhcp_lb_remove(struct qhcp_lb *lb, qhcp_nsec now, const char *address)
{
    return qhcp_lb_remove_many(lb, now, &address, 1) == 1 ? 0 : QHCP_E_NOT_FOUND;
}

/* The sessions that live learn what is new of it. */
static void spread(struct qhcp_lb *lb, qhcp_nsec now, const struct lb_config *old)
{
    struct lb_config *fresh = lb->owned;
    bool metrics = !config_same_metrics(old, fresh);

    for (size_t i = 0; i < lb->count; i++) {
        struct backend *b = lb->backends[i];

        link_configure(&b->link, &fresh->session);
        if (b->lost)
            link_configure(&b->lost->link, &fresh->session);
        if (metrics || !config_same_timing(old, fresh))
            backend_configure(b, now, metrics);
    }
}

int qhcp_lb_reload(struct qhcp_lb *lb, qhcp_nsec now, const struct qhcp_lb_config *config,
                   char *words, size_t words_cap)
{
    struct lb_config *old = lb->owned, *fresh;
    struct credentials credentials;
    int err = config_new(config, &fresh, words, words_cap);

    if (err != 0)
        return err;
    err = credentials_read(lb, &fresh->c, &credentials, words, words_cap);
    if (err != 0) {
        config_free(fresh);
        return err;
    }
    begin(lb, now); /* from here on nothing fails */
    use_config(lb, fresh);
    tick_adapt(lb);
    hold_adapt(lb);
    credentials_take(lb, now, &credentials);
    revoked_changed(lb, now);
    spread(lb, now, old);
    config_free(old);
    lb_judge_panic(lb);
    end(lb);
    return 0;
}

void qhcp_lb_resolved(struct qhcp_lb *lb, qhcp_nsec now, size_t id, const union qhcp_addr *addrs,
                      size_t n, const char *words)
{
    size_t i = lb_index(lb, id);

    begin(lb, now);
    if (i < lb->count && !lb->stopping)
        attempt_resolved(lb->backends[i], now, addrs, n, words);
    end(lb);
}

struct qhcp_steering qhcp_lb_steering(const struct qhcp_lb *lb)
{
    return quic_steering(lb->quic);
}

qhcp_nsec qhcp_lb_patience(const struct qhcp_lb *lb)
{
    return lb->tick.length;
}

void qhcp_lb_receive(struct qhcp_lb *lb, qhcp_nsec now, const struct qhcp_packet *packets, size_t n)
{
    begin(lb, now);
    quic_receive(lb->quic, now, packets, n);
    end(lb);
}

size_t qhcp_lb_send(struct qhcp_lb *lb, qhcp_nsec now, struct qhcp_packet *packets, size_t n)
{
    size_t used;

    begin(lb, now);
    used = quic_send(lb->quic, now, packets, n);
    end(lb);
    return used;
}

void qhcp_lb_unreachable(struct qhcp_lb *lb, qhcp_nsec now, const union qhcp_addr *remote,
                         int error, const uint8_t *quoted, size_t quoted_len)
{
    begin(lb, now);
    lb->icmp_error = error;
    lb->icmp_own = quoted == NULL;
    quic_unreachable(lb->quic, now, remote, quoted, quoted_len, link_icmp);
    end(lb);
}

qhcp_nsec qhcp_lb_deadline(const struct qhcp_lb *lb)
{
    qhcp_nsec at = nsec_min(wheel_deadline(&lb->wheel), quic_deadline(lb->quic));

    at = nsec_min(at, lb->paths.look_at);
    if (lb->stopping)
        return nsec_min(at, lb->stop_at);
    if (lb->unsettled > 0)
        return lb->now;
    return lb->starts.waiting > 0 ? nsec_min(at, starts_deadline(&lb->starts)) : at;
}

/* Those whose turn it is are dialled: no more than there is room for. */
static void begin_attempts(struct qhcp_lb *lb, qhcp_nsec now)
{
    struct start *start;

    while (lb->starts.waiting > 0 && !lb->stopping && (start = starts_next(&lb->starts, now)))
        attempt_turn((struct backend *)((char *)start - offsetof(struct backend, start)), now);
}

/* The next ones that are due: their memory is asked for, and that of the next one's connection. */
static void look_ahead(const struct qhcp_lb *lb, const struct wheel_timer *due)
{
    const struct wheel_timer *next = wheel_upcoming(&lb->wheel, due);
    const struct wheel_timer *after = next ? wheel_upcoming(&lb->wheel, next) : NULL;

    if (next)
        quic_conn_ahead(((const struct backend *)next)->link.conn);
    if (after)
        prefetch(after, sizeof(struct backend));
}

void qhcp_lb_expire(struct qhcp_lb *lb, qhcp_nsec now)
{
    /* Each backend at most once a call: one that stays due must not starve the sockets; and no more
     * than leave together, so that the first probes do not wait for the last. */
    size_t most = lb->wheel.count < LB_EXPIRE ? lb->wheel.count : LB_EXPIRE;
    struct wheel_timer *due;

    begin(lb, now);
    settle_slice(lb);
    quic_expire(lb->quic, now);
    settle_touched(lb);
    while (most-- > 0 && (due = wheel_due(&lb->wheel, now))) {
        look_ahead(lb, due);
        backend_expire((struct backend *)due, now);
        settle_touched(lb);
    }
    begin_attempts(lb, now);
    if (lb->paths.look_at <= now)
        paths_look(lb, now);
    end(lb);
}

void qhcp_lb_moved(struct qhcp_lb *lb, qhcp_nsec now)
{
    begin(lb, now);
    if (!lb->stopping)
        paths_moved(lb, now);
    end(lb);
}

void qhcp_lb_dropped(struct qhcp_lb *lb, qhcp_nsec now, uint64_t n)
{
    begin(lb, now);
    local_dropped(&lb->local, now, n);
    end(lb);
}

void qhcp_lb_blocked(struct qhcp_lb *lb, qhcp_nsec now)
{
    begin(lb, now);
    local_blocked(&lb->local, now);
    end(lb);
}

int qhcp_lb_data_port(struct qhcp_lb *lb, qhcp_nsec now, const char *address, bool open,
                      const char *words)
{
    struct backend *b = lb_find(lb, address);

    if (!b)
        return QHCP_E_NOT_FOUND;
    begin(lb, now);
    act_data_port(b, now, open, words);
    end(lb);
    return 0;
}

void qhcp_lb_self(const struct qhcp_lb *lb, qhcp_nsec now, struct qhcp_self *ret)
{
    *ret = (struct qhcp_self){.local_score = local_score(&lb->local, now),
                              .suspects = lb->crowd.suspects,
                              .panic = panic_of(lb),
                              .lateness = lb->tick.lateness,
                              .held = lb->brake.held};
}

void qhcp_lb_stop(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (lb->stopping)
        return;
    begin(lb, now);
    lb->stopping = true;
    paths_idle(lb);
    lb->stop_at = nsec_add(now, LB_STOP_MAX);
    for (size_t i = 0; i < lb->count; i++)
        backend_stop(lb->backends[i], now);
    end(lb);
}

bool qhcp_lb_stopped(const struct qhcp_lb *lb)
{
    return lb->stopping && (lb->now >= lb->stop_at || quic_conn_count(lb->quic) == 0);
}
