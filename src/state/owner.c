#include "state/owner.h"

#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qhcp/error.h>

#include "state/lock.h"
#include "state/state.h"

static struct {
    bool other; /* than root */
    uid_t uid;
    gid_t gid;
} owner;

int owner_become(const struct words *w)
{
    char dir[STATE_PATH];
    struct stat st;
    int error = geteuid() == 0 ? lock_find(dir, sizeof dir, w) : QHCP_E_NOT_FOUND;

    if (error)
        return error == QHCP_E_NOT_FOUND ? 0 : error;
    if (stat(dir, &st) != 0 || st.st_uid == 0)
        return 0;
    if (setgroups(0, NULL) != 0 || setegid(st.st_gid) != 0 || seteuid(st.st_uid) != 0)
        return words_errno(w, errno, "become the user that owns the state directory", dir);
    owner.other = true;
    owner.uid = st.st_uid;
    owner.gid = st.st_gid;
    return setenv("QHCP_STATE_DIR", dir, 1) == 0 ? 0 : words_fail(w, QHCP_E_NOMEM, "out of memory");
}

/* To go on with another identity than the one that was meant is never right. */
static void must(int r)
{
    if (r != 0)
        abort();
}

void owner_outside(void)
{
    int saved = errno;

    if (!owner.other)
        return;
    must(seteuid(0));
    must(setegid(0));
    errno = saved;
}

void owner_inside(void)
{
    int saved = errno;

    if (!owner.other)
        return;
    must(setegid(owner.gid));
    must(seteuid(owner.uid));
    errno = saved;
}
