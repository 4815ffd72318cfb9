#include "loop/steer.h"

#include <linux/filter.h>
#include <sys/socket.h>

#define LONG 0x80 /* the header's form */
#define LONG_SIZE 5
#define LONG_ID 6 /* behind the first byte, the version, and the ID's size */
#define SHORT_ID 1
#define KIND 0xe0     /* of the first byte: the form, the fixed bit and the spin bit */
#define MAY_WAIT 0x60 /* a short header whose spin bit is set */
#define STRANGERS 0   /* the group's sockets, in the order in which they joined; also what the */
#define OURS 1        /* kernel takes where a program reads past the datagram's end */
#define PATIENT 2

int steer_attach(int fd, const struct qhcp_steering *steering, bool patient)
{
    const uint8_t *p = steering->prefix;
    const uint32_t prefix =
        (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), /* of the UDP payload */
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, LONG, 0, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, LONG_SIZE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, steering->id_size, 0, 7),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LONG_ID),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, prefix, 6, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SHORT_ID),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, prefix, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, KIND),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAY_WAIT, 2, 1),
        BPF_STMT(BPF_RET | BPF_K, STRANGERS),
        BPF_STMT(BPF_RET | BPF_K, OURS),
        BPF_STMT(BPF_RET | BPF_K, patient ? PATIENT : OURS),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
}
