#include "base/os/entropy.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include <qhcp/error.h>

int entropy_fill(void *ret, size_t n)
{
    uint8_t *p = ret;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return QHCP_E_INTERNAL;
        p += got;
        n -= (size_t)got;
    }
    return 0;
}
