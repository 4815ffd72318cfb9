/* The connection IDs that we choose, which say by themselves whose they are.
 *
 * server  prefix 4 | random 8 | mac 8      client  prefix 4 | random 4
 *
 * The prefix lets a socket filter of the kernel tell the packets of our connections from those of
 * strangers, before they compete for one receive buffer (udp_split).  A server's follows from its
 * reset key, so that it is the same after a restart; a client's is random for each process.
 *
 * The mac (SipHash-2-4, keyed by the reset key) binds a server's ID to the host it was made for.
 * By it a restarted server knows which packets belong to a connection that existed: these get a
 * stateless reset, whatever others send who forge that host's address. */
#include <gnutls/crypto.h>
#include <string.h>

#include "quic/internal.h"

#include <qhcp/error.h>

#define RANDOM 8
#define MAC 8
#define DRAWS 100
_Static_assert(QUIC_PREFIX + RANDOM + MAC == QUIC_SERVER_CID, "a server's connection ID");
_Static_assert(QUIC_PREFIX == sizeof(((struct qhcp_steering *)0)->prefix), "quic_steering");
_Static_assert(MAC == sizeof(uint64_t), "SipHash-2-4");

int quic_ids_init(struct quic_ids *ids, bool server, const uint8_t *reset_key)
{
    static const char label[] = "qhcp connection IDs";
    uint8_t derived[32];
    int rv;

    if (!server)
        return gnutls_rnd(GNUTLS_RND_NONCE, ids->prefix, QUIC_PREFIX) == 0 ? 0 : QHCP_E_TLS;
    rv = gnutls_hmac_fast(GNUTLS_MAC_SHA256, reset_key, 32, label, sizeof(label), derived);
    if (rv != 0)
        return QHCP_E_TLS;
    memcpy(ids->prefix, derived, QUIC_PREFIX);
    memcpy(ids->secret, derived + 16, sizeof(ids->secret));
    gnutls_memset(derived, 0, sizeof(derived));
    return 0;
}

static void make_mac(const struct quic_ids *ids, const union qhcp_addr *peer, const uint8_t *id,
                     uint8_t ret[MAC])
{
    uint8_t bytes[QUIC_KEY_MAX + QUIC_PREFIX + RANDOM] = {0};
    struct quic_key host;
    uint64_t mac;

    quic_key_set_host(&host, peer);
    memcpy(bytes, host.bytes, host.size);
    memcpy(bytes + QUIC_KEY_MAX, id, QUIC_PREFIX + RANDOM);
    mac = quic_lookup_sip(ids->secret, bytes, sizeof(bytes));
    memcpy(ret, &mac, MAC);
}

bool quic_id_is_for(const struct quic_ids *ids, const union qhcp_addr *peer, const uint8_t *id,
                    size_t n)
{
    uint8_t mac[MAC];

    if (n != QUIC_SERVER_CID || memcmp(id, ids->prefix, QUIC_PREFIX) != 0)
        return false;
    make_mac(ids, peer, id, mac);
    return gnutls_memcmp(mac, id + QUIC_PREFIX + RANDOM, MAC) == 0;
}

/* A client's have 32 random bits: with ten thousand connections two would meet now and then. */
static bool is_taken(const struct quic_endpoint *e, const ngtcp2_cid *id)
{
    struct quic_key key;

    quic_key_set(&key, QUIC_LOOKUP_CID, id->data, id->datalen);
    return quic_lookup_find(&e->lookup, &key) != NULL;
}

int quic_id_make(const struct quic_endpoint *e, const union qhcp_addr *peer, ngtcp2_cid *ret)
{
    ngtcp2_cid id = {.datalen = quic_cid_size(e)};

    memcpy(id.data, e->ids.prefix, QUIC_PREFIX);
    for (unsigned i = 0; i < DRAWS; i++) {
        if (gnutls_rnd(GNUTLS_RND_NONCE, id.data + QUIC_PREFIX, id.datalen - QUIC_PREFIX) != 0)
            break;
        if (e->config.server)
            make_mac(&e->ids, peer, id.data, id.data + QUIC_PREFIX + RANDOM);
        if (!is_taken(e, &id)) {
            *ret = id;
            return 0;
        }
    }
    return QHCP_E_TLS;
}
