/* Tokens of the admin interface: when their keys are read. */
#include "../state/place.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_tokens.h"
#include "auth/auth.h"
#include "base/os/clock.h"
#include "state/keys.h"

#include <qhcp/error.h>

#define SEC NSEC_PER_SEC
#define SIZE 2000 /* bytes, more than a key has */

static char *make_token(const struct state *s)
{
    const struct keys_token what = {
        .scopes = AUTH_SCOPE_READ, .lifetime = 3600, .subject = "somebody"};
    char *token = NULL, words[400];

    assert_int_equal(keys_token_make(s, &what, clock_unix(NULL), &token, words, sizeof words), 0);
    return token;
}

static int check(struct admin_tokens *t, qhcp_nsec now, const char *token)
{
    struct admin_who who = {.scopes = 0};
    char words[400];
    int r = admin_tokens_check(t, now, token, &who, words, sizeof words);

    assert_int_equal(who.scopes, r == 0 ? ADMIN_READ : 0);
    return r;
}

/* The text in so many bytes, with a time that says nothing of when it was written. */
static void put(const char *path, const char *text)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    char whole[SIZE + 1];
    size_t n = strlen(text);

    assert_true(n <= SIZE);
    memcpy(whole, text, n);
    memset(whole + n, '\n', SIZE - n);
    whole[SIZE] = '\0';
    place_write(path, whole, 0600);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Whoever sends tokens of unknown keys must not have us read files each time. */
static void keys_that_cannot_be_read_are_read_once_a_second(void **state)
{
    struct place *p = *state;
    int64_t now = clock_unix(NULL);
    struct state other = place_make(p, "other", now), own = place_make(p, "own", now);
    const char *path = place_path(p, "own/lb/admin-key.json");
    char *foreign = make_token(&other), *token, *key;
    struct admin_tokens t;
    size_t n;

    key = place_read(place_path(p, "other/lb/admin-key.json"), &n);
    admin_tokens_init(&t);
    assert_int_equal(check(&t, SEC, foreign), QHCP_E_TOKEN_KEY);
    token = make_token(&own);
    assert_int_equal(check(&t, SEC + 1, token), 0); /* a key that is newer than the last look */
    put(path, "{");
    assert_int_equal(check(&t, SEC + 2, foreign), QHCP_E_TOKEN_KEY);
    put(path, key); /* nobody can tell it from the one before */
    assert_int_equal(check(&t, SEC + 3, foreign), QHCP_E_TOKEN_KEY);
    assert_int_equal(check(&t, SEC + 4, token), 0); /* those before stay */
    assert_int_equal(check(&t, 2 * SEC, foreign), 0);
    assert_int_equal(check(&t, 2 * SEC, token), QHCP_E_TOKEN_KEY);
    admin_tokens_deinit(&t);
    auth_token_free(foreign);
    auth_token_free(token);
    free(key);
    state_close(&other);
    state_close(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_that_cannot_be_read_are_read_once_a_second,
                                        place_setup, place_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
