/* checks-watch: how late probes leave, by the kernel's time stamps of the packets on the loopback
 * device.
 *
 *   checks-watch udp|tcp PORT INTERVAL_US
 *
 * Of the packets to 127.1.0.0/24 (so that it costs little, 255 servers): datagrams to the port
 * (udp), or SYNs without ACK (tcp).  A checker that plans its probes on a grid is compared with
 * that grid: a server's slot is the earliest of its probes, modulo the interval (udp).  One that
 * counts its interval from the end of the check before is compared with the probe before (tcp).  A
 * line on standard input prints the lateness since the one before as JSON; its end ends the
 * program. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "spread.h"

#define MOST 4096 /* probes of one server between two reports */
#define ROOM (4 << 20)

struct seen {
    unsigned n;
    int64_t at[MOST]; /* ns */
};

static struct seen servers[256];
static struct spread late;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* Offsets from the Ethernet header that the loopback device has too; IP without options. */
static int open_tap(bool tcp, uint16_t port)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 10),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, tcp ? IPPROTO_TCP : IPPROTO_UDP, 0, 8),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30), /* to whom */
        BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 8),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x7f0100, 0, 5),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 36), /* which port */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 47),                    /* TCP: flags */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x02, 0, tcp ? 1 : 0), /* SYN alone */
        BPF_STMT(BPF_RET | BPF_K, 64),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    struct sockaddr_ll lo = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex("lo")};
    int room = ROOM, on = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&lo, sizeof lo) < 0)
        fail("packet socket");
    return fd;
}

/* False where there is none any more. */
static bool take(int fd)
{
    uint8_t packet[64];
    char control[128];
    struct iovec iov = {.iov_base = packet, .iov_len = sizeof packet};
    struct sockaddr_ll from;
    struct msghdr m = {.msg_name = &from,
                       .msg_namelen = sizeof from,
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    const struct cmsghdr *c;
    struct timespec ts;

    if (recvmsg(fd, &m, MSG_DONTWAIT) < 0)
        return false;
    c = CMSG_FIRSTHDR(&m);
    if (from.sll_pkttype != PACKET_OUTGOING || !c || c->cmsg_type != SO_TIMESTAMPNS)
        return true; /* on this device each packet is seen twice */
    memcpy(&ts, CMSG_DATA(c), sizeof ts);
    struct seen *s = &servers[packet[33]];
    if (s->n < MOST)
        s->at[s->n++] = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
    return true;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* On the circle of an interval the slot is what follows the longest stretch without a probe. */
static void against_grid(struct seen *s, int64_t interval)
{
    int64_t longest = -1, slot = 0;

    for (unsigned i = 0; i < s->n; i++)
        s->at[i] %= interval;
    qsort(s->at, s->n, sizeof s->at[0], by_size);
    for (unsigned i = 0; i < s->n; i++) {
        int64_t before = i > 0 ? s->at[i - 1] : s->at[s->n - 1] - interval;

        if (s->at[i] - before > longest) {
            longest = s->at[i] - before;
            slot = s->at[i];
        }
    }
    for (unsigned i = 0; i < s->n; i++)
        spread_add(&late, (s->at[i] - slot + interval) % interval);
}

static void against_last(const struct seen *s, int64_t interval)
{
    for (unsigned i = 1; i < s->n; i++)
        spread_add(&late, s->at[i] - s->at[i - 1] - interval);
}

static void report(bool tcp, int64_t interval)
{
    unsigned watched = 0;

    for (int i = 0; i < 256; i++) {
        watched += servers[i].n > 1;
        if (servers[i].n > 1 && tcp)
            against_last(&servers[i], interval);
        else if (servers[i].n > 1)
            against_grid(&servers[i], interval);
        servers[i].n = 0;
    }
    printf("{\"servers\":%u,", watched);
    spread_print(&late);
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    bool tcp = argc == 4 && strcmp(argv[1], "tcp") == 0;
    char line[256];
    int fd;

    if (!tcp && (argc != 4 || strcmp(argv[1], "udp") != 0)) {
        fprintf(stderr, "usage: checks-watch udp|tcp PORT INTERVAL_US\n");
        return 2;
    }
    fd = open_tap(tcp, (uint16_t)atoi(argv[2]));
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                               {.fd = fd, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0)
            fail("poll");
        while (take(fd))
            continue;
        if (fds[0].revents && read(STDIN_FILENO, line, sizeof line) <= 0)
            return 0;
        if (fds[0].revents)
            report(tcp, atoll(argv[3]) * 1000);
    }
}
