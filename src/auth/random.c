#include "auth/random.h"

#include <sys/random.h>

#include <qhcp/error.h>

int random_text(char ret[RANDOM_TEXT])
{
    uint8_t raw[RANDOM_BYTES];

    /* Up to 256 bytes getrandom(2) is never cut short once the pool is ready. */
    if (getrandom(raw, sizeof raw, 0) != (ssize_t)sizeof raw)
        return QHCP_E_INTERNAL;
    b64url_encode(slice_of(raw, sizeof raw), ret);
    return 0;
}
