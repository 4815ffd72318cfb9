#include "place.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/crypto.h>

int place_setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    const char *tmp = getenv("TMPDIR");

    snprintf(p->root, sizeof p->root, "%s/qhcp-state-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(p->root))
        return -1;
    *state = p;
    place_use(p, "a");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

int place_teardown(void **state)
{
    struct place *p = *state;

    nftw(p->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(p);
    return 0;
}

const char *place_path(const struct place *p, const char *name)
{
    static char paths[8][STATE_PATH];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", p->root, name);
    return path;
}

void place_use(struct place *p, const char *name)
{
    setenv("QHCP_STATE_DIR", place_path(p, name), 1);
}

int place_open(struct place *p, const char *name, int64_t now, struct state *ret)
{
    place_use(p, name);
    p->words[0] = '\0';
    return state_open_at(ret, now, p->words, sizeof p->words);
}

struct state place_make(struct place *p, const char *name, int64_t now)
{
    struct state s;
    int error = place_open(p, name, now, &s);

    if (error)
        print_error("%s\n", p->words);
    assert_int_equal(error, 0);
    return s;
}

char *place_read(const char *path, size_t *ret_len)
{
    char words[512] = "", *text = NULL;

    if (state_read_file(path, false, 1 << 20, &text, ret_len, words, sizeof words) != 0)
        fail_msg("%s", words);
    return text;
}

void place_write(const char *path, const char *text, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static gnutls_hash_hd_t digest;

/* The order of a directory's entries is stable while nobody changes it; a sum of digests would do
 * without even that, but hides nothing here. */
static int digest_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char line[STATE_PATH + 64], *text;
    size_t n;

    if (strcmp(path + ftw->base, "lock") == 0)
        return 0;
    snprintf(line, sizeof line, "%s %o\n", path, (unsigned)st->st_mode);
    gnutls_hash(digest, line, strlen(line));
    if (type != FTW_F)
        return 0;
    text = place_read(path, &n);
    gnutls_hash(digest, text, n);
    free(text);
    return 0;
}

void place_digest(const char *path, uint8_t ret[32])
{
    assert_int_equal(gnutls_hash_init(&digest, GNUTLS_DIG_SHA256), 0);
    assert_int_equal(nftw(path, digest_one, 16, FTW_PHYS), 0);
    gnutls_hash_deinit(digest, ret);
}

void place_same(const uint8_t a[32], const char *path)
{
    uint8_t b[32];

    place_digest(path, b);
    assert_memory_equal(a, b, 32);
}

void place_says(const struct place *p, const char *text)
{
    if (!strstr(p->words, text))
        fail_msg("the words \"%s\" do not say \"%s\"", p->words, text);
}
