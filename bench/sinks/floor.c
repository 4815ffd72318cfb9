/* sinks-floor PORT: the least that an answer to HAProxy's agent-check can cost: accept, receive,
 * send and close, and nothing else, many together; the answer and the end are one packet. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER "ready up 100%\n"
#define NAP_US 3000

static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1, none = -1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &one, sizeof one) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_LINGER2, &none, sizeof none) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof at) < 0 || listen(fd, SOMAXCONN) < 0) {
        perror("sinks-floor");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct pollfd port = {.fd = listen_at((uint16_t)atoi(argc > 1 ? argv[1] : "0")),
                          .events = POLLIN};
    char line[300];
    int fd;

    while (poll(&port, 1, -1) > 0) {
        while ((fd = accept4(port.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
            if (recv(fd, line, sizeof line, 0) > 0)
                (void)send(fd, ANSWER, strlen(ANSWER), MSG_NOSIGNAL | MSG_MORE);
            close(fd);
        }
        usleep(NAP_US);
    }
    return 0;
}
