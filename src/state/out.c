#include "state/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "base/os/file.h"
#include "state/bundle.h"
#include "state/issued.h"
#include "state/owner.h"
#include "state/state.h"
#include "state/stored.h"

static bool is_stdout(const char *out)
{
    return strcmp(out, "-") == 0;
}

int out_check(const char *out, bool secret, bool replace, const struct words *w)
{
    const struct words silent = {NULL, 0};
    struct stat st;
    char *text;
    size_t n;
    bool ours;

    if (is_stdout(out))
        return secret && isatty(STDOUT_FILENO)
                   ? words_fail(w, QHCP_E_ARG,
                                "--out -: a bundle is secret, and standard output is a terminal: "
                                "use a pipe or a file")
                   : 0;
    if (!out[0])
        return words_fail(w, QHCP_E_ARG, "--out: the file name is empty");
    owner_outside();
    if (lstat(out, &st) != 0 || !S_ISREG(st.st_mode))
        st.st_size = 0; /* what cannot be written fails with its own words */
    ours = st.st_size > 0 && file_read(out, false, BUNDLE_MAX, &text, &n, &silent) == 0;
    owner_inside();
    if (st.st_size == 0)
        return 0;
    if (ours) {
        ours = bundle_is_one(slice_of(text, n));
        file_wipe(text, n);
    }
    if (!ours)
        return words_fail(
            w, QHCP_E_EXISTS,
            "%s exists and is not a bundle of QHCP: choose another name, or remove it", out);
    return replace ? 0
                   : words_fail(w, QHCP_E_EXISTS,
                                "%s exists: choose another name, or replace it with --force", out);
}

int out_write(const char *out, struct slice text, unsigned mode, const struct words *w)
{
    int err;

    if (!is_stdout(out)) {
        owner_outside();
        err = state_write_file(out, text, mode, w->p, w->cap);
        owner_inside();
        return err;
    }
    err = file_write_all(STDOUT_FILENO, text);
    return err ? words_errno(w, err, "write", "standard output") : 0;
}

struct old {
    char *text; /* NULL: there was none */
    size_t n;
};

static int load_old(const struct transaction *c, struct old old[TRANSACTION_FILES],
                    const struct words *w)
{
    for (size_t i = 0; i < c->n; i++) {
        int error = 0;

        if (stored_have(c->dir, c->rows[i].name))
            error =
                stored_file(c->dir, c->rows[i].name, false, ISSUED_MAX, &old[i].text, &old[i].n, w);
        if (error)
            return error;
    }
    return 0;
}

static void put_back(const struct transaction *c, const struct old old[TRANSACTION_FILES])
{
    const struct words silent = {NULL, 0}; /* the words of the failure stay */
    struct transaction back;

    transaction_begin(&back, c->dir, &silent);
    for (size_t i = 0; i < c->n; i++)
        if (old[i].text)
            transaction_put(&back, c->rows[i].name, slice_of(old[i].text, old[i].n),
                            c->rows[i].mode);
        else
            transaction_remove(&back, c->rows[i].name);
    transaction_commit(&back);
}

int out_publish(struct transaction *c, const char *out, struct slice text, const struct words *w)
{
    struct old old[TRANSACTION_FILES] = {{0}};
    int error = c->error ? c->error : load_old(c, old, w);

    if (error)
        transaction_abort(c);
    else
        error = transaction_commit(c);
    if (!error) {
        error = out_write(out, text, 0600, w);
        if (error)
            put_back(c, old);
    }
    for (size_t i = 0; i < TRANSACTION_FILES; i++)
        file_wipe(old[i].text, old[i].n);
    return error;
}
