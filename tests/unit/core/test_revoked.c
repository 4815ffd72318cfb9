/* What the CA has revoked comes to every server that is watched, and ends what rests on it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lb/internal.h"
#include "pair.h"
#include "server/internal.h"
#include "state/keys.h"
#include "state/revoked.h"

#define SEC UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)
#define LISTS 10

static const struct qhcp_lb_config quick = {
    .liveness_interval = 100 * MSEC, .reconnect_interval = 10 * SEC, .flap_hold = QHCP_OFF};
/* Checks so rare that a renewal is often the first to look at the files. */
static const struct qhcp_lb_config brief = {.liveness_interval = 3 * SEC + 100 * MSEC,
                                            .reconnect_interval = 10 * SEC,
                                            .flap_hold = QHCP_OFF,
                                            .token_lifetime = 300};

static int64_t wall(const struct pair *p)
{
    return p->wall + (int64_t)(p->now / SEC);
}

static void must(int error, const char *words)
{
    if (error)
        print_error("%s\n", words);
    assert_int_equal(error, 0);
}

/* The directory of the server's own machine, in that of the load balancer's. */
static void server_dir(const struct pair *p, char ret[128])
{
    snprintf(ret, 128, "%s/web1", p->dir);
}

static void import_bundle(struct pair *p)
{
    char words[1024], bundle[128], dir[128];
    const struct keys_export what = {.names = "web1.example", .out = bundle, .force = true};
    struct state s;

    snprintf(bundle, sizeof bundle, "%s/bundle", p->dir);
    server_dir(p, dir);
    must(state_open(&s, words, sizeof words), words);
    must(keys_export(&s, &what, wall(p), words, sizeof words), words);
    setenv("QHCP_STATE_DIR", dir, 1);
    must(state_open(&s, words, sizeof words), words);
    must(keys_import(&s, bundle, false, wall(p), words, sizeof words), words);
    setenv("QHCP_STATE_DIR", p->dir, 1);
}

static void start_from_bundle(struct pair *p, int i)
{
    char dir[128];

    import_bundle(p);
    server_dir(p, dir);
    setenv("QHCP_STATE_DIR", dir, 1);
    pair_start(p, i);
    setenv("QHCP_STATE_DIR", p->dir, 1);
}

/* A new token key; the kid of the one before. */
static void rotate(struct pair *p, char ret[64])
{
    char words[1024], path[STATE_PATH];
    struct state s;
    json_t *jwk;

    must(state_find(&s, words, sizeof words), words);
    state_path(&s, STATE_TOKEN_KEY, path, sizeof path);
    jwk = json_load_file(path, 0, NULL);
    snprintf(ret, 64, "%s", json_string_value(json_object_get(jwk, "kid")));
    json_decref(jwk);
    must(keys_rotate(&s, KEYS_GRACE, false, wall(p), words, sizeof words), words);
}

static void end_trust(struct pair *p, const char *what)
{
    char words[1024];
    struct state s;

    must(state_find(&s, words, sizeof words), words);
    must(keys_revoke(&s, what, true, wall(p), words, sizeof words), words);
}

static bool server_knows(const struct pair *p, const char *kid)
{
    const struct words silent = {NULL, 0};
    struct revoked r;
    char dir[128];
    bool has;

    server_dir(p, dir);
    assert_int_equal(revoked_load(dir, &r, &silent), 0);
    has = revoked_has_key(&r, kid);
    revoked_deinit(&r);
    return has;
}

static bool has_notice(struct pair *p)
{
    struct qhcp_view v;

    assert_int_equal(qhcp_lb_view(p->lb, 0, &v), 0);
    return strstr(v.notice, "does not have the list of revocations") != NULL;
}

static void watch(struct pair *p, const struct qhcp_lb_config *config)
{
    pair_init(p);
    start_from_bundle(p, 0);
    pair_watch(p, 1, config);
    assert_true(pair_run(p, SEC, pair_all_up));
    p->n_events = 0;
}

static void a_server_that_is_watched_knows_it_within_seconds(void **state)
{
    static struct pair p;

    (void)state;
    watch(&p, &quick);
    assert_false(server_knows(&p, "stolen"));
    end_trust(&p, "stolen");
    pair_run(&p, 3 * SEC, NULL);
    assert_true(server_knows(&p, "stolen"));
    assert_false(has_notice(&p));
    assert_int_equal(p.n_events, 0);
    pair_deinit(&p);
}

static void one_that_was_away_is_named_and_told_when_it_is_back(void **state)
{
    static struct pair p;

    (void)state;
    watch(&p, &quick);
    p.cut[0] = true;
    pair_run(&p, 2 * SEC, NULL);
    end_trust(&p, "stolen");
    pair_run(&p, 12 * SEC, NULL);
    assert_int_equal(pair_state(&p, 0), QHCP_DOWN);
    assert_true(has_notice(&p));
    assert_false(server_knows(&p, "stolen"));
    p.cut[0] = false;
    assert_true(pair_run(&p, 20 * SEC, pair_all_up));
    pair_run(&p, 3 * SEC, NULL);
    assert_true(server_knows(&p, "stolen"));
    assert_false(has_notice(&p));
    pair_deinit(&p);
}

/* A renewal that is taken for done when a list was answered is one too few: the session ends. */
static void lists_and_tokens_that_are_renewed_do_not_stand_in_each_other_s_way(void **state)
{
    static struct pair p;
    char kid[32];

    (void)state;
    watch(&p, &brief);
    pair_run(&p, 215 * SEC, NULL); /* three quarters of the token's lifetime are 225 s */
    for (int i = 0; i < LISTS; i++) {
        snprintf(kid, sizeof kid, "stolen-%d", i);
        end_trust(&p, kid);
        pair_run(&p, 1900 * MSEC, NULL); /* a little sooner than they are looked for */
    }
    pair_run(&p, 200 * SEC, NULL);
    assert_int_equal(p.n_events, 0);
    assert_true(server_knows(&p, kid));
    pair_deinit(&p);
}

static void a_certificate_that_was_revoked_is_refused_on_the_session_that_lives(void **state)
{
    static struct pair p;
    struct qhcp_view v;

    (void)state;
    watch(&p, &quick);
    end_trust(&p, "web1.example");
    pair_run(&p, 4 * SEC, NULL);
    assert_int_equal(qhcp_lb_view(p.lb, 0, &v), 0);
    assert_int_equal(v.state, QHCP_DOWN);
    assert_non_null(strstr(v.reason, "certificate was revoked"));
    pair_run(&p, 30 * SEC, NULL);
    assert_int_equal(pair_state(&p, 0), QHCP_DOWN);
    start_from_bundle(&p, 0); /* the twin: a new one */
    assert_true(pair_run(&p, 12 * SEC, pair_all_up));
    pair_deinit(&p);
}

/* docs/keys.md, "A lost token key": rotate, export, import, revoke; nothing goes down. */
static void a_key_of_before_is_revoked_without_a_verdict(void **state)
{
    static struct pair p;
    char old[64];

    (void)state;
    watch(&p, &quick);
    rotate(&p, old);
    pair_run(&p, 3 * SEC, NULL);
    assert_int_equal(p.n_events, 0);
    import_bundle(&p);
    pair_run(&p, 12 * SEC, NULL);
    end_trust(&p, old);
    pair_run(&p, 5 * SEC, NULL);
    assert_true(server_knows(&p, old));
    assert_int_equal(p.n_events, 0);
    assert_int_equal(p.sessions, 1);
    pair_deinit(&p);
}

/* The twin, in a hurry: the server has no newer bundle, gets the list all the same, and is lost. */
static void a_key_that_a_server_lives_on_ends_its_session_with_the_list(void **state)
{
    static struct pair p;
    char old[64];

    (void)state;
    watch(&p, &quick);
    rotate(&p, old);
    pair_run(&p, 3 * SEC, NULL);
    end_trust(&p, old);
    pair_run(&p, 8 * SEC, NULL);
    assert_true(server_knows(&p, old));
    assert_int_equal(pair_state(&p, 0), QHCP_DOWN);
    import_bundle(&p);
    assert_true(pair_run(&p, 25 * SEC, pair_all_up));
    pair_deinit(&p);
}

static void import_list(struct pair *p, const char *list)
{
    char words[1024], dir[128];
    struct state s;

    must(state_find(&s, words, sizeof words), words);
    must(keys_export_revoked(&s, list, true, wall(p), words, sizeof words), words);
    server_dir(p, dir);
    setenv("QHCP_STATE_DIR", dir, 1);
    must(state_find(&s, words, sizeof words), words);
    must(keys_import(&s, list, false, wall(p), words, sizeof words), words);
    setenv("QHCP_STATE_DIR", p->dir, 1);
}

/* The operator imports a list, and before the server has looked at its files a load balancer brings
 * an older one, which joins it there. */
static void a_list_that_is_imported_while_another_comes_works_too(void **state)
{
    static struct pair p;
    char old[64], list[128], mine[128], kept[128];

    (void)state;
    watch(&p, &quick);
    rotate(&p, old);
    pair_run(&p, 12 * SEC, NULL); /* the server has just looked */
    snprintf(list, sizeof list, "%s/list", p.dir);
    snprintf(mine, sizeof mine, "%s/" STATE_REVOKED, p.dir);
    snprintf(kept, sizeof kept, "%s/kept", p.dir);
    end_trust(&p, "another-kid");
    assert_int_equal(link(mine, kept), 0);
    end_trust(&p, old);
    import_list(&p, list);
    assert_int_equal(rename(kept, mine), 0);
    assert_false(auth_keys_revoked(p.servers[0]->keys, old));
    pair_run(&p, 25 * SEC, NULL);
    assert_true(server_knows(&p, "another-kid"));
    assert_true(auth_keys_revoked(p.servers[0]->keys, old));
    assert_int_equal(p.servers[0]->self.revoked, revoked_number(&p.servers[0]->revoked));
    pair_deinit(&p);
}

static void touch(const struct pair *p, const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p->dir, name);
    assert_int_equal(utimensat(AT_FDCWD, path, NULL, 0), 0);
}

/* Out of descriptors at the moment when something was revoked: no reason to trust it for ever. */
static void changed_files_that_could_not_be_read_are_read_later(void **state)
{
    static struct pair p;
    const struct auth_keys *keys;
    const struct auth_key *key;
    struct rlimit limit, none;
    unsigned errors;

    (void)state;
    pair_init(&p);
    pair_start(&p, 0);
    pair_watch(&p, 1, &quick);
    assert_true(pair_run(&p, SEC, pair_all_up));
    keys = p.servers[0]->keys;
    key = p.lb->credentials.key;
    errors = p.errors;
    touch(&p, "trust/keys.json");
    touch(&p, "lb/token-key.json");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    pair_run(&p, 100 * SEC, NULL);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_ptr_equal(p.servers[0]->keys, keys);
    assert_ptr_equal(p.lb->credentials.key, key);
    assert_in_range(p.errors - errors, 2, 4); /* said once each */
    pair_run(&p, 12 * SEC, NULL);
    assert_ptr_not_equal(p.servers[0]->keys, keys);
    assert_ptr_not_equal(p.lb->credentials.key, key);
    assert_int_equal(pair_state(&p, 0), QHCP_UP);
    pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_watched_knows_it_within_seconds),
        cmocka_unit_test(one_that_was_away_is_named_and_told_when_it_is_back),
        cmocka_unit_test(a_key_of_before_is_revoked_without_a_verdict),
        cmocka_unit_test(a_key_that_a_server_lives_on_ends_its_session_with_the_list),
        cmocka_unit_test(lists_and_tokens_that_are_renewed_do_not_stand_in_each_other_s_way),
        cmocka_unit_test(a_list_that_is_imported_while_another_comes_works_too),
        cmocka_unit_test(changed_files_that_could_not_be_read_are_read_later),
        cmocka_unit_test(a_certificate_that_was_revoked_is_refused_on_the_session_that_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
