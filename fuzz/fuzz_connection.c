/* Whole connections between an endpoint of ours, the victim, and a peer that has the keys and lies
 * (liar.h), as a server and as a client: TLS messages, transport parameters, frames in packets that
 * open, paths, stateless packets and time belong to the input.  ngtcp2 and GnuTLS are the real
 * ones.
 *
 * Input: a byte of options, then commands of one byte, an argument byte, a length byte, and that
 * many bytes.  What is looked for: crashes, and connections of the victim that never end. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "fuzz_connection.h"
#include "quic/internal.h"

enum option {
    SERVER_LIES = 1,
    BY_HAND = 2, /* packets are delivered by commands alone */
    RESUME = 4,
    RETRY_ALWAYS = 8,
    IPV6 = 16,
    WANT_CERT = 32,
    THEN_BY_HAND = 64, /* ... once the handshake is done */
};

enum command {
    /* the network */
    RUN,
    STEP,
    TIME,
    LOSE,
    REPLAY,
    REVERSE,
    FROM,
    DEAF,
    /* lies that are prepared before the handshake, or before a second one */
    MESSAGE,
    PARAMS,
    /* lies that are told now */
    SAY,
    FRAMES,
    SEAL,
    ACK,
    UPDATE_KEYS,
    RESET,
    STATELESS,
    RAW,
    /* what the two do of themselves */
    VICTIM_DOES,
    LIAR_DOES,
    DIAL,
    COMMANDS
};

static struct world w;
static struct {
    struct quic_key keys[4]; /* the newest of each kind, also of a connection that is gone */
    size_t size;
    uint8_t datagram[WORLD_PACKET]; /* the newest of sealed packets */
} kept;

struct input {
    const uint8_t *p;
    size_t n;
};

/* The connection of the victim that is spoken to: the newest. */
static struct quic_conn *victim_conn(void)
{
    return w.sides[VICTIM].endpoint->conns;
}

/* The connection IDs at which the victim can be reached, and the reset tokens it would believe. */
static const struct quic_key *victim_key(enum quic_lookup_kind kind, unsigned which)
{
    struct quic_conn *c = victim_conn();
    struct quic_link *found = NULL;

    for (struct quic_link *link = c ? c->links : NULL; link != NULL; link = link->sibling)
        if (link->key.bytes[0] == kind && (found == NULL || which-- > 0))
            found = link;
    if (found != NULL)
        kept.keys[kind & 3] = found->key;
    return &kept.keys[kind & 3];
}

static void run_turns(unsigned turns, unsigned how)
{
    while (turns-- > 0 && world_deliver(&w, how))
        ;
}

static size_t seal(unsigned how, unsigned id, const uint8_t *p, size_t n, uint8_t *ret, size_t cap)
{
    static const uint32_t back[] = {0, 1, 10, UINT32_MAX - 1000}; /* next, same, late, a gap */
    const struct quic_key *key = victim_key(QUIC_LOOKUP_CID, id);
    struct liar_packet packet = {.level = how % 4 % LIAR_LEVELS,
                                 .back = back[how >> 2 & 3],
                                 .bits = (uint8_t)(how & 0x80 ? 0x18 : 0),
                                 .frames = p,
                                 .n = n};
    struct quic_conn *c = victim_conn();

    packet.early = how % 4 == 3;
    packet.dcid_size = key->size ? key->size - 1u : 0;
    memcpy(packet.dcid, key->bytes + 1, packet.dcid_size);
    if (c != NULL) {
        const ngtcp2_cid *scid = ngtcp2_conn_get_dcid(c->ng);

        packet.scid_size = scid->datalen;
        memcpy(packet.scid, scid->data, scid->datalen);
    }
    return liar_seal(&packet, ret, cap);
}

/* Bit 6: in one datagram with the packet before it. */
static void send_sealed(unsigned how, unsigned id, const uint8_t *p, size_t n)
{
    if (!(how & 0x40) || kept.size + n + 200 > sizeof(kept.datagram))
        kept.size = 0;
    kept.size += seal(how, id, p, n, kept.datagram + kept.size, sizeof(kept.datagram) - kept.size);
    if (kept.size > 0)
        world_inject(&w, kept.datagram, kept.size);
}

static size_t put_number(uint8_t *p, uint64_t value)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * (3 - i));
    p[0] = (uint8_t)(0x80 | (p[0] & 0x3f));
    return 4;
}

/* What a peer has to say now and then, so that the victim goes on: in a sealed packet. */
static void send_ack(unsigned what, const uint8_t *p, size_t n)
{
    uint8_t frames[64 + 256];
    size_t size = 0;
    unsigned level = what % 4 % LIAR_LEVELS;

    if (liar.heard_any[level] && !(what & 4)) {
        frames[size++] = 2;
        size += put_number(frames + size, liar.heard[level]);
        frames[size++] = 0;
        frames[size++] = 0;
        size += put_number(frames + size, what & 8 ? 0 : liar.heard[level]);
    }
    if (what & 0x10) {
        frames[size++] = 0x1b;
        memcpy(frames + size, liar.challenge, sizeof(liar.challenge));
        size += sizeof(liar.challenge);
    }
    if (what & 0x20)
        frames[size++] = 1;
    memcpy(frames + size, p, n);
    send_sealed(level, 0, frames, size + n);
}

static void send_reset(unsigned which, size_t size)
{
    const struct quic_key *key = victim_key(QUIC_LOOKUP_TOKEN, which & 15);
    const struct quic_key *id = victim_key(QUIC_LOOKUP_CID, 0);
    uint8_t packet[21 + 256];
    size_t n = 5 + size;

    gnutls_rnd(GNUTLS_RND_NONCE, packet, n);
    packet[0] = (uint8_t)(0x40 | (packet[0] & 0x3f));
    if (which & 0x10 && id->size > 0 && id->size <= n)
        memcpy(packet + 1, id->bytes + 1, id->size - 1u);
    memcpy(packet + n, key->bytes + 1, NGTCP2_STATELESS_RESET_TOKENLEN);
    world_inject(&w, packet, n + NGTCP2_STATELESS_RESET_TOKENLEN);
}

/* Retry and version negotiation, as a server would answer the victim's first packet. */
static void send_stateless(unsigned which, const struct input *in)
{
    struct quic_conn *c = victim_conn();
    uint32_t versions[64];
    uint8_t packet[1200];
    const struct quic_key *key = victim_key(QUIC_LOOKUP_CID, 0);
    ngtcp2_cid ours = {.datalen = which >> 1 & 15}, theirs;
    const ngtcp2_cid *original;
    ngtcp2_ssize n;

    if (c == NULL || key->size == 0 || in->n < 4)
        return;
    original = ngtcp2_conn_get_client_initial_dcid(c->ng);
    ngtcp2_cid_init(&theirs, key->bytes + 1, key->size - 1u);
    memcpy(ours.data, "another ID of it", ours.datalen);
    if (which & 1) {
        n = ngtcp2_crypto_write_retry(packet, sizeof(packet), NGTCP2_PROTO_VER_V1, &theirs, &ours,
                                      original, in->p, in->n);
    } else {
        memcpy(versions, in->p, in->n / 4 * 4);
        n = ngtcp2_pkt_write_version_negotiation(packet, sizeof(packet), 0, theirs.data,
                                                 theirs.datalen, original->data, original->datalen,
                                                 versions, in->n / 4);
    }
    if (n > 0)
        world_inject(&w, packet, (size_t)n);
}

/* Frames of the liar's own in the next packet that its library writes at this level. */
static void swap_frames(unsigned how, const struct input *in)
{
    static const uint8_t carrier[LIMIT_DATAGRAM] = {'x'};
    struct quic_conn *c = w.sides[LIAR].conn;
    size_t n = in->n < 40 ? 60 : in->n + 20;

    liar_add_rule(&liar.frame_rules, (uint8_t)(how & 3), (uint8_t)(how >> 2), in->p, in->n);
    if (c != NULL &&
        quic_conn_datagram(c, carrier, n < LIMIT_DATAGRAM ? n : LIMIT_DATAGRAM, 0) != 0)
        quic_conn_probe(c);
}

/* Bits 0-3: the message (RFC 8446, 4); 5: its type is the first byte; 6, 7: at which level. */
static void say(unsigned how, const struct input *in)
{
    static const uint8_t types[16] = {0, 1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 254, 3, 6, 12, 14};
    static const uint8_t zero[1];
    unsigned level = how >> 6 == 0 ? LIAR_SHORT : (how >> 6) - 1;

    if (in->n == 0)
        liar_say(level, types[how & 15], zero, 1);
    else if (!(how & 0x20))
        liar_say(level, types[how & 15], in->p, in->n);
    else
        liar_say(level, in->p[0], in->p + 1, in->n - 1);
    if (w.sides[LIAR].endpoint->conns != NULL)
        quic_conn_wake(w.sides[LIAR].endpoint->conns);
}

static void do_something(struct side *side, unsigned what, const struct input *in)
{
    struct quic_conn *c = side->conn;
    uint8_t exported[32];

    if (c == NULL)
        return;
    switch (what % 8) {
    case 0:
        quic_conn_write(c, in->p, in->n);
        break;
    case 1:
        quic_conn_datagram(c, in->p, in->n, what);
        break;
    case 2:
        quic_conn_close(c, what >> 3, "asked to");
        break;
    case 3:
        quic_conn_probe(c);
        break;
    case 4:
        side->holds = !side->holds;
        break;
    case 5:
        if (c->finished && c->confirmed && !ngtcp2_conn_in_closing_period(c->ng) &&
            !ngtcp2_conn_in_draining_period(c->ng)) /* our own call: its assertion is our matter */
            ngtcp2_conn_initiate_key_update(c->ng, c->last);
        quic_conn_probe(c);
        break;
    case 6:
        quic_unreachable(side->endpoint, w.now, &w.addrs[w.from], in->p, in->n, world_suspect);
        break;
    default:
        quic_conn_export(c, "EXPORTER-fuzz", exported, sizeof(exported));
    }
    quic_conn_wake(c);
}

static void prepare(unsigned arg, const struct input *in)
{
    switch (arg >> 3 & 3) {
    case 0:
        liar_add_rule(&liar.param_rules, (uint8_t)(in->n ? in->p[0] & 0x3f : 0), arg & 7,
                      in->p + (in->n > 0), in->n - (in->n > 0));
        break;
    case 1:
        if (in->n >= 2)
            liar_add_rule(&liar.extension_rules, in->p[0], in->p[1], in->p + 2, in->n - 2);
        break;
    case 2:
        liar.priorities = in->n ? in->p[0] : 1;
        break;
    default:
        liar_add_rule(&liar.param_rules, 0, arg & 7, in->p, in->n);
    }
}

static void run_network(enum command command, unsigned arg, const struct input *in)
{
    static const qhcp_nsec jumps[] = {1,    5,    20,    50,    100,   200,   500,   1000,
                                      3000, 5000, 10000, 11000, 16000, 30000, 60000, 125000};

    switch (command) {
    case STEP:
        run_turns(1 + arg % 16, arg >> 4);
        break;
    case TIME:
        w.now += jumps[arg % 16] * NSEC_PER_MSEC;
        quic_expire(w.sides[VICTIM].endpoint, w.now);
        world_expire_liar(&w);
        break;
    case LOSE:
        w.lose[arg & 1] = arg >> 1 & 7;
        break;
    case REPLAY:
        world_replay(&w, arg);
        break;
    case REVERSE:
        world_reverse(&w);
        break;
    case FROM: /* bit 3: at once */
        w.from = (arg & 7) % WORLD_PATHS;
        if (arg & 8)
            send_sealed(LIAR_SHORT, 0, (const uint8_t *)"\1", 1); /* PING */
        break;
    case DEAF:
        w.deaf = arg;
        break;
    case RAW:
        world_inject(&w, in->p, in->n);
        break;
    default:
        break;
    }
}

static void run(enum command command, unsigned arg, const struct input *in)
{
    switch (command) {
    case MESSAGE:
        liar_add_rule(&liar.message_rules, arg & 7, (uint8_t)(arg >> 3), in->p, in->n);
        break;
    case PARAMS:
        prepare(arg, in);
        break;
    case SAY:
        say(arg, in);
        break;
    case FRAMES:
        swap_frames(arg, in);
        break;
    case SEAL:
        send_sealed(arg & ~0x30u, arg >> 4 & 3, in->p, in->n);
        break;
    case ACK:
        send_ack(arg, in->p, in->n);
        break;
    case UPDATE_KEYS:
        liar_update_keys();
        break;
    case RESET:
        send_reset(arg, in->n);
        break;
    case STATELESS:
        send_stateless(arg, in);
        break;
    case VICTIM_DOES:
    case LIAR_DOES:
        do_something(&w.sides[command == LIAR_DOES ? LIAR : VICTIM], arg, in);
        break;
    case DIAL:
        world_dial(&w, arg & 1);
        break;
    default:
        run_network(command, arg, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned options = size > 0 ? data[0] : 0;
    bool met = options & BY_HAND;

    memset(&kept, 0, sizeof(kept));
    world_begin(&w, &(struct world_options){.server_lies = options & SERVER_LIES,
                                            .resume = options & RESUME,
                                            .retry = options & RETRY_ALWAYS,
                                            .ipv6 = options & IPV6,
                                            .want_cert = options & WANT_CERT});
    for (size_t at = 1, commands = 0; at + 3 <= size && commands < 64; commands++) {
        enum command command = data[at] % COMMANDS;
        struct input in = {.p = data + at + 3, .n = data[at + 2]};
        unsigned arg = data[at + 1];

        at += 3;
        if (in.n > size - at)
            in.n = size - at;
        at += in.n;
        /* Both meet before the first lie that does not concern the handshake. */
        if (!met && command != MESSAGE && command != PARAMS) {
            run_turns(WORLD_TURNS, 0);
            met = true;
        }
        run(command, arg, &in);
        if (!(options & (BY_HAND | THEN_BY_HAND)) && command != MESSAGE && command != PARAMS)
            run_turns(WORLD_TURNS, 0);
    }
    run_turns(WORLD_TURNS, 0);
    world_end(&w);
    return 0;
}
