#include "lb/credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lb/internal.h"

#define PEM_MAX (1 << 20)

static int read_tls(const struct state *state, const struct qhcp_lb_config *config,
                    struct credentials *c, char *words, size_t cap)
{
    uint8_t ticket_key[32];
    struct quic_tls_config tls = {.trust_name = c->trust_path,
                                  .trust_given = config->cert_file != NULL,
                                  .insecure = config->insecure,
                                  .ticket_key = ticket_key};
    char *trust = NULL, *cert = NULL, *key = NULL;
    uint8_t *prints = NULL;
    int err = state_read_file(c->trust_path, false, PEM_MAX, &trust, NULL, words, cap);

    state_derive(state, "load balancer's tickets", "", 0, ticket_key);
    if (err == 0 && config->client_cert_file)
        err = state_read_file(config->client_cert_file, false, PEM_MAX, &cert, NULL, words, cap);
    if (err == 0 && config->client_key_file)
        err = state_read_file(config->client_key_file, true, PEM_MAX, &key, NULL, words, cap);
    if (err == 0)
        err = revoked_prints(&c->revoked, &prints, &tls.n_revoked);
    if (err == 0) {
        tls.revoked = prints;
        tls.trust_pem = trust;
        tls.cert_pem = cert;
        tls.key_pem = key;
        err = quic_tls_new(&tls, &c->tls, words, cap);
    }
    explicit_bzero(ticket_key, sizeof ticket_key);
    free(prints);
    free(trust);
    free(cert);
    if (key)
        explicit_bzero(key, strlen(key));
    free(key);
    return err;
}

static int parse_key(const char *path, struct auth_key **ret, char *words, size_t cap)
{
    char *json, why[QHCP_TEXT];
    size_t len;
    int err = state_read_file(path, true, PEM_MAX, &json, &len, words, cap);

    if (err != 0)
        return err;
    err = auth_key_parse(slice_of(json, len), ret, why, sizeof why);
    if (err != 0)
        snprintf(words, cap, "%s: %s", path, why);
    explicit_bzero(json, len);
    free(json);
    return err;
}

/* With a token file there is no key: the file is read again at each use, and here to see that it
 * can be. */
static int read_key(const struct qhcp_lb_config *config, struct credentials *c, char *words,
                    size_t cap)
{
    char *text;
    size_t len;
    int err;

    if (!config->token_file)
        return parse_key(c->key_path, &c->key, words, cap);
    err = state_read_file(c->key_path, true, LIMIT_TOKEN + 64, &text, &len, words, cap);
    if (err != 0)
        return err;
    explicit_bzero(text, len);
    free(text);
    return 0;
}

static void free_old_keys(struct credentials *c)
{
    while (c->n_old_keys > 0)
        auth_key_free(c->old_keys[--c->n_old_keys]);
}

/* After rotations servers on other machines know an old key only, until their next import.  False:
 * they could not be read, and those that are there stay, for servers may know no other. */
static bool read_old_keys(struct qhcp_lb *lb, const struct qhcp_lb_config *config,
                          struct credentials *c)
{
    char path[STATE_PATH], words[STATE_PATH + QHCP_TEXT], why[QHCP_TEXT] = "", *json;
    size_t len;

    state_path(&lb->state, STATE_TOKEN_KEY_OLD, path, sizeof path);
    if (config->token_file || access(path, F_OK) != 0)
        return true;
    if (state_read_file(path, true, PEM_MAX, &json, &len, words, sizeof words) != 0) {
        lb_log(lb, QHCP_LOG_WARNING, "%s", words);
        return false;
    }
    if (auth_key_parse_all(slice_of(json, len), c->old_keys, STATE_OLD_KEYS, &c->n_old_keys, why,
                           sizeof why) != 0)
        lb_log(lb, QHCP_LOG_WARNING, "%s: %s", path, why);
    explicit_bzero(json, len);
    free(json);
    return true;
}

void credentials_deinit(struct credentials *c)
{
    quic_tls_unref(c->tls);
    auth_key_free(c->key);
    free_old_keys(c);
    revoked_deinit(&c->revoked);
    *c = (struct credentials){.tls = NULL};
}

/* `qhcp check` on a server's machine has a key of its own, for that server alone. */
static void choose_paths(const struct state *state, const struct qhcp_lb_config *config,
                         struct credentials *c)
{
    if (config->cert_file)
        snprintf(c->trust_path, sizeof c->trust_path, "%s", config->cert_file);
    else
        state_path(state, "ca/ca.pem", c->trust_path, sizeof c->trust_path);
    if (config->token_file) {
        snprintf(c->key_path, sizeof c->key_path, "%s", config->token_file);
        return;
    }
    state_path(state, "check/token-key.json", c->key_path, sizeof c->key_path);
    if (!config->once || access(c->key_path, F_OK) != 0)
        state_path(state, "lb/token-key.json", c->key_path, sizeof c->key_path);
}

static void mark_files(const struct state *state, const struct qhcp_lb_config *config,
                       const struct credentials *c, struct stamp ret[CREDENTIALS_FILES])
{
    char old[STATE_PATH], revoked[STATE_PATH];
    const char *const paths[CREDENTIALS_FILES] = {
        c->trust_path,           c->key_path, config->client_cert_file,
        config->client_key_file, old,         revoked};

    state_path(state, STATE_TOKEN_KEY_OLD, old, sizeof old);
    state_path(state, STATE_REVOKED, revoked, sizeof revoked);
    for (size_t i = 0; i < CREDENTIALS_FILES; i++)
        stamp_take(paths[i] ? paths[i] : "", &ret[i]);
}

static bool files_changed(const struct qhcp_lb *lb)
{
    struct stamp marks[CREDENTIALS_FILES];

    mark_files(&lb->state, lb->config, &lb->credentials, marks);
    for (size_t i = 0; i < CREDENTIALS_FILES; i++)
        if (!stamp_equal(&marks[i], &lb->credentials.marks[i]))
            return true;
    return false;
}

static int read_files(const struct qhcp_lb *lb, const struct qhcp_lb_config *config,
                      struct credentials *c, char *words, size_t words_cap)
{
    const struct words w = {words, words_cap};
    int err = revoked_load(lb->state.dir, &c->revoked, &w);

    if (err == 0)
        err = read_tls(&lb->state, config, c, words, words_cap);
    if (err == 0)
        err = read_key(config, c, words, words_cap);
    if (err == 0 && !config->once && revoked_list(&c->revoked))
        c->revoked_number = revoked_number(&c->revoked);
    return err;
}

int credentials_read(struct qhcp_lb *lb, const struct qhcp_lb_config *config,
                     struct credentials *ret, char *words, size_t words_cap)
{
    struct credentials c = {.again = NSEC_NEVER};
    int err;

    choose_paths(&lb->state, config, &c);
    mark_files(&lb->state, config, &c, c.marks);
    err = read_files(lb, config, &c, words, words_cap);
    if (err != 0) {
        credentials_deinit(&c);
        return err;
    }
    c.keep_old_keys = !read_old_keys(lb, config, &c);
    *ret = c;
    return 0;
}

void credentials_take(struct qhcp_lb *lb, qhcp_nsec now, struct credentials *fresh)
{
    struct credentials *c = &lb->credentials;

    if (fresh->keep_old_keys) {
        memcpy(fresh->old_keys, c->old_keys, sizeof c->old_keys);
        fresh->n_old_keys = c->n_old_keys;
        c->n_old_keys = 0;
    }
    credentials_deinit(c);
    *c = *fresh;
    *fresh = (struct credentials){.tls = NULL};
    c->checked = now;
    if (lb->quic)
        quic_endpoint_set_tls(lb->quic, c->tls);
}

/* The files have changed and cannot be read: logged once, and tried again even if they do not
 * change again. */
static void refused(struct qhcp_lb *lb, qhcp_nsec now, bool changed, const char *words)
{
    lb->credentials.again = nsec_add(now, CREDENTIALS_AGAIN);
    mark_files(&lb->state, lb->config, &lb->credentials, lb->credentials.marks);
    if (changed)
        lb_log(lb, QHCP_LOG_ERROR, "cannot use changed files, so the old ones stay in force: %s",
               words);
}

void credentials_refresh(struct qhcp_lb *lb, qhcp_nsec now)
{
    struct credentials fresh;
    char words[QHCP_TEXT * 2];
    bool changed;

    if (now - lb->credentials.checked < CREDENTIALS_CHECK)
        return;
    lb->credentials.checked = now;
    changed = files_changed(lb);
    if (!changed && now < lb->credentials.again)
        return;
    if (credentials_read(lb, lb->config, &fresh, words, sizeof words) != 0) {
        refused(lb, now, changed, words);
        return;
    }
    credentials_take(lb, now, &fresh);
    lb_log(lb, QHCP_LOG_INFO, "read certificates and keys again: their files have changed");
    token_renew_all(lb, now);
    revoked_changed(lb, now);
}

void credentials_look(struct qhcp_lb *lb, qhcp_nsec now)
{
    if (now - lb->credentials.checked >= CREDENTIALS_LOOK)
        credentials_refresh(lb, now);
}
