/* Answers that need no connection: version negotiation, Retry, refusal, stateless reset.  To
 * provoke one costs at least as many bytes as it sends; all but Retry (which is how a flood is met)
 * leave only while their bucket holds.  They wait in a ring for quic_send; what does not fit is not
 * sent.
 *
 * By a reset a load balancer learns at once that its server has restarted, so strangers must not
 * use up the budget of its resets.  A connection ID that was made for the host that a packet comes
 * from has a bucket of its own, but for chance meetings under a secret hash: an attacker who forges
 * that host's address knows no such ID.  All other IDs of a host share one; refusals and versions
 * have another. */
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "quic/internal.h"

#include <qhcp/error.h>

/* A second, and at once. */
#define ANSWERS 256
#define RESETS 16 /* of one bucket; of all at most twice QUIC_RESET_BUCKETS times as many */
#define RESET_MAX 42

bool quic_bucket_take(struct quic_bucket *b, qhcp_nsec now, unsigned rate)
{
    qhcp_nsec earned = now > b->at ? (now - b->at) / (NSEC_PER_SEC / rate) : 0;

    if (earned > 0) {
        b->tokens = earned >= rate - b->tokens ? rate : b->tokens + (unsigned)earned;
        b->at = now;
    }
    if (b->tokens == 0)
        return false;
    b->tokens--;
    return true;
}

static bool may_answer(struct quic_endpoint *e, qhcp_nsec now)
{
    return quic_bucket_take(&e->answering, now, ANSWERS);
}

static bool may_reset(struct quic_endpoint *e, qhcp_nsec now, const union qhcp_addr *remote,
                      const ngtcp2_version_cid *ids)
{
    bool known = quic_id_is_for(&e->ids, remote, ids->dcid, ids->dcidlen);
    struct quic_bucket **buckets = known ? &e->resetting_known : &e->resetting;
    struct quic_key key;

    if (*buckets == NULL)
        *buckets = calloc(QUIC_RESET_BUCKETS, sizeof(**buckets));
    if (*buckets == NULL)
        return false;
    if (known)
        quic_key_set(&key, QUIC_LOOKUP_CID, ids->dcid, ids->dcidlen);
    else
        quic_key_set_host(&key, remote);
    return quic_bucket_take(&(*buckets)[quic_lookup_hash(&e->lookup, &key) % QUIC_RESET_BUCKETS],
                            now, RESETS);
}

/* Room for one answer to this packet; NULL when the ring is full, or there is no memory. */
static struct quic_answer *answer_to(struct quic_endpoint *e, const struct qhcp_packet *packet)
{
    struct quic_answer *answer;

    if (e->answers == NULL)
        e->answers = malloc(QUIC_ANSWERS * sizeof(*e->answers));
    if (e->answers == NULL || e->n_answers == QUIC_ANSWERS)
        return NULL;
    answer = &e->answers[(e->answers_first + e->n_answers) % QUIC_ANSWERS];
    answer->local = packet->local;
    answer->remote = packet->remote;
    return answer;
}

static bool commit(struct quic_endpoint *e, struct quic_answer *answer, ngtcp2_ssize n)
{
    if (n <= 0)
        return false;
    answer->size = (size_t)n;
    e->n_answers++;
    return true;
}

void quic_stateless_version(struct quic_endpoint *e, qhcp_nsec now,
                            const struct qhcp_packet *packet, const ngtcp2_version_cid *ids)
{
    static const uint32_t spoken[] = {NGTCP2_PROTO_VER_V1};
    struct quic_answer *answer = answer_to(e, packet);
    uint8_t noise;

    if (answer == NULL || !may_answer(e, now) ||
        gnutls_rnd(GNUTLS_RND_NONCE, &noise, sizeof(noise)) != 0)
        return;
    commit(e, answer,
           ngtcp2_pkt_write_version_negotiation(answer->data, sizeof(answer->data), noise,
                                                ids->scid, ids->scidlen, ids->dcid, ids->dcidlen,
                                                spoken, 1));
}

void quic_stateless_retry(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_pkt_hd *hd)
{
    struct quic_answer *answer = answer_to(e, packet);
    uint8_t token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
    ngtcp2_cid scid = {.datalen = QUIC_SERVER_CID};
    ngtcp2_ssize n;

    if (answer == NULL || gnutls_rnd(GNUTLS_RND_NONCE, scid.data, scid.datalen) != 0)
        return;
    n = ngtcp2_crypto_generate_retry_token2(token, e->config.retry_key, sizeof(e->config.retry_key),
                                            hd->version, &packet->remote.sa,
                                            address_len(&packet->remote), &scid, &hd->dcid, now);
    if (n < 0)
        return;
    n = ngtcp2_crypto_write_retry(answer->data, sizeof(answer->data), hd->version, &hd->scid, &scid,
                                  &hd->dcid, token, (size_t)n);
    if (commit(e, answer, n))
        e->stats.retries_sent++;
}

int quic_stateless_verify(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_pkt_hd *hd, ngtcp2_cid *ret)
{
    if (ngtcp2_crypto_verify_retry_token2(ret, hd->token, hd->tokenlen, e->config.retry_key,
                                          sizeof(e->config.retry_key), hd->version,
                                          &packet->remote.sa, address_len(&packet->remote),
                                          &hd->dcid, QUIC_RETRY_LIFETIME, now) != 0)
        return QHCP_E_NOT_FOUND;
    return 0;
}

void quic_stateless_refuse(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                           const ngtcp2_pkt_hd *hd, uint64_t code)
{
    struct quic_answer *answer = answer_to(e, packet);

    if (answer == NULL || !may_answer(e, now))
        return;
    commit(e, answer,
           ngtcp2_crypto_write_connection_close(answer->data, sizeof(answer->data), hd->version,
                                                &hd->scid, &hd->dcid, code, NULL, 0));
}

/* RFC 9000, 10.3: shorter than what provoked it, so that two endpoints without state fall silent.
 */
void quic_stateless_reset(struct quic_endpoint *e, qhcp_nsec now, const struct qhcp_packet *packet,
                          const ngtcp2_version_cid *ids)
{
    uint8_t token[NGTCP2_STATELESS_RESET_TOKENLEN], noise[RESET_MAX];
    struct quic_answer *answer = answer_to(e, packet);
    size_t n_noise = RESET_MAX - sizeof(token);
    ngtcp2_cid cid;

    if (answer == NULL || packet->len < QUIC_RESET_TRIGGER ||
        !may_reset(e, now, &packet->remote, ids))
        return;
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    if (ngtcp2_crypto_generate_stateless_reset_token(token, e->config.reset_key,
                                                     sizeof(e->config.reset_key), &cid) != 0 ||
        gnutls_rnd(GNUTLS_RND_NONCE, noise, n_noise) != 0)
        return;
    if (commit(e, answer,
               ngtcp2_pkt_write_stateless_reset(answer->data, sizeof(answer->data), token, noise,
                                                n_noise)))
        e->stats.resets_sent++;
}

int quic_stateless_send(struct quic_endpoint *e, const union qhcp_addr *local,
                        const union qhcp_addr *remote, const uint8_t *p, size_t n)
{
    struct qhcp_packet packet = {.local = *local, .remote = *remote};
    struct quic_answer *answer = answer_to(e, &packet);

    if (answer == NULL || n > sizeof(answer->data))
        return QHCP_E_FULL;
    memcpy(answer->data, p, n);
    commit(e, answer, (ngtcp2_ssize)n);
    return 0;
}

size_t quic_stateless_take(struct quic_endpoint *e, struct qhcp_packet *packets, size_t n)
{
    size_t taken = 0;

    for (; taken < n && e->n_answers > 0; taken++) {
        const struct quic_answer *answer = &e->answers[e->answers_first];
        struct qhcp_packet *packet = &packets[taken];

        packet->local = answer->local;
        packet->remote = answer->remote;
        packet->ecn = 0;
        packet->len = answer->size;
        memcpy(packet->data, answer->data, answer->size);
        e->answers_first = (e->answers_first + 1) % QUIC_ANSWERS;
        e->n_answers--;
    }
    if (e->n_answers == 0) {
        free(e->answers);
        e->answers = NULL;
    }
    return taken;
}
