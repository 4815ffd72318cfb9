/* Runs tokens.txt with the keys of token_keys.json (README.md): each token is verified as the
 * vector says, and grants what it says or is refused with its error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/scope.h"
#include "dump.h"
#include "state/state.h"
#include "vector.h"

#define LINE (LIMIT_TOKEN + 64)

struct trial {
    char name[128], token[LINE], names[128], binding[80], now[24], leeway[8], grants[64], until[24],
        error[32];
};

static const char *keys_path, *path;
static struct auth_keys *keys;
static unsigned run;

/* Is it among the names, which blanks separate? */
static bool is_ours(const char *aud, void *ctx)
{
    const char *at = ((const struct trial *)ctx)->names;
    size_t n;

    for (; *at; at += n + (at[n] == ' ')) {
        n = strcspn(at, " ");
        if (strlen(aud) == n && strncasecmp(aud, at, n) == 0)
            return true;
    }
    return false;
}

static void try_vector(struct trial *v)
{
    uint8_t binding[AUTH_BINDING];
    struct auth_demand demand = {.now = strtoll(v->now, NULL, 10),
                                 .leeway = strtoll(v->leeway, NULL, 10),
                                 .binding = binding,
                                 .audience_ok = is_ours,
                                 .ctx = v};
    struct auth_grant grant;
    char words[256] = "", log_words[512] = "";
    int error;

    assert_int_equal(vector_hex(v->binding, binding, sizeof binding), AUTH_BINDING);
    error = auth_verify(keys, slice_str(v->token), &demand, &grant, words, sizeof words, log_words,
                        sizeof log_words);
    if (strcmp(error == 0 ? "" : dump_error(error), v->error) != 0)
        fail_msg("%s: \"%s\", not \"%s\": %s", v->name, dump_error(error), v->error, words);
    if (error == 0) {
        char granted[SCOPE_TEXT];

        scope_text(grant.scopes, granted);
        if (strcmp(granted, v->grants) != 0 || grant.expires != strtoll(v->until, NULL, 10))
            fail_msg("%s: grants \"%s\" until %lld", v->name, granted, (long long)grant.expires);
    }
    run++;
}

static void take_line(struct trial *v, const char *name, const char *value)
{
    static const struct {
        const char *name;
        size_t offset, cap;
    } places[] = {
#define PLACE(label, member)                                                                       \
    {label, offsetof(struct trial, member), sizeof(((struct trial *)NULL)->member)}
        PLACE("vector", name), PLACE("token", token),     PLACE("names", names),
        PLACE("now", now),     PLACE("binding", binding), PLACE("leeway", leeway),
        PLACE("until", until), PLACE("grants", grants),   PLACE("error", error),
#undef PLACE
    };

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (strcmp(places[i].name, name) == 0) {
            snprintf((char *)v + places[i].offset, places[i].cap, "%s", value);
            return;
        }
    assert_string_equal(name, "says");
}

static void every_token_is_judged_as_the_vector_says(void **state)
{
    static struct trial v;
    static char line[LINE];
    char *colon;
    FILE *in = fopen(path, "r");

    (void)state;
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        colon = strchr(line, ':');
        if (colon) {
            *colon = '\0';
            take_line(&v, line, colon[1] == ' ' ? colon + 2 : colon + 1);
        } else if (v.name[0]) {
            try_vector(&v);
            memset(&v, 0, sizeof v);
        }
    }
    if (v.name[0])
        try_vector(&v);
    fclose(in);
    assert_true(run > 90);
}

static int setup(void **state)
{
    char *json, words[512];
    size_t n;

    (void)state;
    if (state_read_file(keys_path, false, 65536, &json, &n, words, sizeof words) != 0 ||
        auth_keys_parse(slice_of(json, n), &keys, words, sizeof words) != 0) {
        fprintf(stderr, "%s: %s\n", keys_path, words);
        return -1;
    }
    free(json);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    auth_keys_free(keys);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_token_is_judged_as_the_vector_says)};

    if (argc < 3)
        return 2;
    keys_path = argv[1];
    path = argv[2];
    return cmocka_run_group_tests(tests, setup, teardown);
}
