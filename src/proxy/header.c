#include "proxy/header.h"

#include <stdbool.h>
#include <string.h>

static uint8_t *put(uint8_t *p, const void *bytes, size_t n)
{
    memcpy(p, bytes, n);
    return p + n;
}

size_t header_make(uint8_t ret[HEADER_MAX], const union qhcp_addr *from, const union qhcp_addr *to)
{
    static const uint8_t signature[] = "\r\n\r\n\0\r\nQUIT\n";
    enum { PROXY = 0x21, TCP4 = 0x11, TCP6 = 0x21 }; /* version 2, command PROXY; family, stream */
    bool v6 = from->sa.sa_family == AF_INET6;
    uint8_t head[] = {PROXY, v6 ? TCP6 : TCP4, 0, v6 ? 36 : 12};
    uint8_t *p = put(ret, signature, sizeof signature - 1);

    p = put(p, head, sizeof head);
    if (v6) {
        p = put(p, &from->in6.sin6_addr, 16);
        p = put(p, &to->in6.sin6_addr, 16);
    } else {
        p = put(p, &from->in.sin_addr, 4);
        p = put(p, &to->in.sin_addr, 4);
    }
    p = put(p, &from->in.sin_port, 2); /* at the same place in both families */
    p = put(p, &to->in.sin_port, 2);
    return (size_t)(p - ret);
}
