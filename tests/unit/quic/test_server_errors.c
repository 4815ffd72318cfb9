/* What a client must not do, and the error that RFC 9000 and RFC 9001 ask a server to answer with;
 * beside each the same thing as it is allowed. */
#include <ngtcp2/ngtcp2.h>

#include "duel.h"

#include <qhcp/error.h>

#define ID8 "abcdefgh"
#define TOKEN "0123456789abcdef"
#define PREFERRED                                                                                  \
    "\x7f\x00\x00\x01\x10\x93" TOKEN "\x10\x93\x08" ID8 TOKEN /* addresses, ports, an ID, a token  \
                                                               */
#define HELLO_RETRY /* a first key share that the server does not take */                          \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:%DISABLE_TLS13_COMPAT_MODE:-CIPHER-ALL:+AES-128-GCM:-GROUP-"    \
    "ALL:"                                                                                         \
    "+GROUP-SECP521R1:+GROUP-SECP256R1"
#define STREAM_CODE ((uint64_t)-QHCP_E_STREAM)

static const struct duel_case cases[] = {
    {"STREAM beyond the limit", NGTCP2_FLOW_CONTROL_ERROR,
     DUEL_APP("\x0e\x00\x80\x01\x00\x00\x01x"), DUEL_APP("\x0e\x00\x80\x00\xff\xff\x01x")},
    {"a stream's ID beyond the limit", NGTCP2_STREAM_LIMIT_ERROR, DUEL_APP("\x0a\x04\x01x"),
     DUEL_APP("\x0a\x00\x01x")},
    {"a one-way stream, of which none is allowed", NGTCP2_STREAM_LIMIT_ERROR,
     DUEL_APP("\x0a\x02\x01x"), DUEL_APP("\x0a\x00\x01x")},

    {"no initial_source_connection_id", NGTCP2_TRANSPORT_PARAMETER_ERROR, DUEL_PARAMS("0f", "")},
    {"another's initial_source_connection_id", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("0f", "\x0f\x08" ID8)},
    {"original_destination_connection_id", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x00\x08" ID8)},
    {"preferred_address", NGTCP2_TRANSPORT_PARAMETER_ERROR, DUEL_PARAMS("", "\x0d\x31" PREFERRED)},
    {"retry_source_connection_id", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x10\x08" ID8)},
    {"stateless_reset_token", NGTCP2_TRANSPORT_PARAMETER_ERROR, DUEL_PARAMS("", "\x02\x10" TOKEN)},
    {"max_udp_payload_size of 1199", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x03\x02\x44\xaf"), DUEL_PARAMS("", "\x03\x02\x44\xb0")},
    {"ack_delay_exponent of 21", NGTCP2_TRANSPORT_PARAMETER_ERROR, DUEL_PARAMS("", "\x0a\x01\x15"),
     DUEL_PARAMS("", "\x0a\x01\x14")},
    {"max_ack_delay of 2^14 ms", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x0b\x04\x80\x00\x40\x00"), DUEL_PARAMS("", "\x0b\x02\x7f\xff")},
    {"active_connection_id_limit of 1", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("0e", "\x0e\x01\x01"), DUEL_PARAMS("0e", "\x0e\x01\x02")},
    {"initial_max_streams_bidi beyond 2^60", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("08", "\x08\x08\xd0\x00\x00\x00\x00\x00\x00\x01"),
     DUEL_PARAMS("08", "\x08\x08\xd0\x00\x00\x00\x00\x00\x00\x00")},
    {"a transport parameter twice", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x04\x04\x80\x01\x00\x00"), DUEL_PARAMS("04", "\x04\x04\x80\x01\x00\x00")},
    {"an unknown transport parameter twice", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x1b\x01x\x1b\x01y"), DUEL_PARAMS("", "\x1b\x01x\x3a\x01y")},
    {"a transport parameter cut short", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x1b\x03xy"), DUEL_PARAMS("", "\x1b\x03xyz")},
    {"a number with bytes behind it", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("04", "\x04\x03\x50\x00\x00"), DUEL_PARAMS("04", "\x04\x02\x50\x00")},
    {"disable_active_migration with a value", NGTCP2_TRANSPORT_PARAMETER_ERROR,
     DUEL_PARAMS("", "\x0c\x01\x00"), DUEL_PARAMS("", "\x0c\x00")},

    {"an unknown frame type", NGTCP2_FRAME_ENCODING_ERROR, DUEL_APP("\x21"), DUEL_APP("\x01")},
    {"a frame cut short", NGTCP2_FRAME_ENCODING_ERROR, DUEL_APP("\x10\x80\x01\x00"),
     DUEL_APP("\x10\x80\x01\x00\x00")},
    {"MAX_STREAMS beyond 2^60", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x12\xd0\x00\x00\x00\x00\x00\x00\x01"),
     DUEL_APP("\x12\xd0\x00\x00\x00\x00\x00\x00\x00")},
    {"MAX_STREAMS of one-way streams beyond 2^60", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x13\xd0\x00\x00\x00\x00\x00\x00\x01"),
     DUEL_APP("\x13\xd0\x00\x00\x00\x00\x00\x00\x00")},
    {"STREAMS_BLOCKED beyond 2^60", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x16\xd0\x00\x00\x00\x00\x00\x00\x01"), DUEL_APP("\x16\x01")},
    {"NEW_CONNECTION_ID that retires a later one", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x18\x01\x02\x08" ID8 TOKEN), DUEL_APP("\x18\x01\x01\x08" ID8 TOKEN)},
    {"NEW_CONNECTION_ID without an ID", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x18\x01\x00\x00" TOKEN), DUEL_APP("\x18\x01\x00\x01i" TOKEN)},
    {"NEW_CONNECTION_ID with 21 bytes", NGTCP2_FRAME_ENCODING_ERROR,
     DUEL_APP("\x18\x01\x00\x15" ID8 ID8 "12345" TOKEN),
     DUEL_APP("\x18\x01\x00\x14" ID8 ID8 "1234" TOKEN)},

    {"a packet without frames",
     NGTCP2_PROTOCOL_VIOLATION,
     {.level = ROGUE_APP, .empty = true},
     DUEL_APP("\x00")},
    {"a Handshake packet without frames",
     NGTCP2_PROTOCOL_VIOLATION,
     {.level = ROGUE_HANDSHAKE, .empty = true},
     DUEL_AT(ROGUE_HANDSHAKE, "\x00")},
    {"reserved bits in Handshake",
     NGTCP2_PROTOCOL_VIOLATION,
     {.level = ROGUE_HANDSHAKE, .frames = DUEL_BYTES("\x01"), .bits = 0x04},
     DUEL_AT(ROGUE_HANDSHAKE, "\x01")},
    {"reserved bits in a short header",
     NGTCP2_PROTOCOL_VIOLATION,
     {.level = ROGUE_APP, .frames = DUEL_BYTES("\x01"), .bits = 0x10},
     DUEL_APP("\x01")},
    {"PATH_CHALLENGE in Handshake", NGTCP2_PROTOCOL_VIOLATION, DUEL_AT(ROGUE_HANDSHAKE, "\x1a" ID8),
     DUEL_APP("\x1a" ID8)},
    {"STREAM in Handshake", NGTCP2_PROTOCOL_VIOLATION, DUEL_AT(ROGUE_HANDSHAKE, "\x0a\x00\x01x"),
     DUEL_APP("\x0a\x00\x01x")},
    /* 0x30: a Handshake packet becomes one of 0-RTT, whose keys no server of ours has. */
    {"CRYPTO in 0-RTT",
     DUEL_IGNORED,
     {.level = ROGUE_HANDSHAKE, .frames = DUEL_BYTES("\x06\x00\x01\x01"), .bits = 0x30},
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x00")},
    {"NEW_TOKEN from a client", NGTCP2_PROTOCOL_VIOLATION, DUEL_APP("\x07\x01t"),
     DUEL_APP("\x01\x00\x00")},
    {"HANDSHAKE_DONE from a client", NGTCP2_PROTOCOL_VIOLATION, DUEL_APP("\x1e"), DUEL_APP("\x01")},

    /* RFC 9000, 19.4 has STREAM_STATE_ERROR, and 11 allows this one instead of any other. */
    {"RESET_STREAM on a send-only stream", NGTCP2_PROTOCOL_VIOLATION, DUEL_APP("\x04\x03\x07\x00"),
     DUEL_APP("\x04\x00\x07\x00"), STREAM_CODE},
    {"STOP_SENDING for a stream that does not exist", NGTCP2_STREAM_STATE_ERROR,
     DUEL_APP("\x05\x01\x07"), DUEL_APP("\x05\x00\x07"), STREAM_CODE},
    {"STOP_SENDING for a receive-only stream", NGTCP2_STREAM_STATE_ERROR, DUEL_APP("\x05\x02\x07"),
     DUEL_APP("\x05\x00\x07"), STREAM_CODE},
    {"STREAM on a stream of the server's that it has not opened", NGTCP2_STREAM_STATE_ERROR,
     DUEL_APP("\x0a\x01\x01x"), DUEL_APP("\x0a\x00\x01x")},
    {"STREAM on a send-only stream", NGTCP2_STREAM_STATE_ERROR, DUEL_APP("\x0a\x03\x01x"),
     DUEL_APP("\x0a\x00\x01x")},
    {"MAX_STREAM_DATA for a stream of the server's that it has not opened",
     NGTCP2_STREAM_STATE_ERROR, DUEL_APP("\x11\x01\x80\x02\x00\x00"),
     DUEL_APP("\x11\x00\x80\x02\x00\x00")},
    {"MAX_STREAM_DATA for a receive-only stream", NGTCP2_STREAM_STATE_ERROR,
     DUEL_APP("\x11\x02\x80\x02\x00\x00"), DUEL_APP("\x11\x00\x80\x02\x00\x00")},

    {"KeyUpdate in Handshake", DUEL_UNEXPECTED_MESSAGE,
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x05\x18\x00\x00\x01\x00"),
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x00")},
    {"KeyUpdate in 1-RTT", DUEL_UNEXPECTED_MESSAGE, DUEL_APP("\x06\x00\x05\x18\x00\x00\x01\x00"),
     DUEL_APP("\x06\x00\x00")},
    {"KeyUpdate in 1-RTT that asks for one", DUEL_UNEXPECTED_MESSAGE,
     DUEL_APP("\x06\x00\x05\x18\x00\x00\x01\x01"), DUEL_APP("\x06\x00\x00")},
    {"EndOfEarlyData in Handshake", DUEL_UNEXPECTED_MESSAGE,
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x04\x05\x00\x00\x00"),
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x00")},
    {"EndOfEarlyData in 1-RTT", DUEL_UNEXPECTED_MESSAGE, DUEL_APP("\x06\x00\x04\x05\x00\x00\x00"),
     DUEL_APP("\x06\x00\x00")},
    {"a certificate that nobody asked for", DUEL_UNEXPECTED_MESSAGE,
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x08\x0b\x00\x00\x04\x00\x00\x00\x00"),
     DUEL_AT(ROGUE_HANDSHAKE, "\x06\x00\x00")},
    {"NewSessionTicket from a client", DUEL_UNEXPECTED_MESSAGE,
     DUEL_APP(
         "\x06\x00\x15\x04\x00\x00\x11\x00\x00\x00\x01\x00\x00\x00\x00\x01n\x00\x03tkt\x00\x00"),
     DUEL_APP("\x06\x00\x00")},
    {"a second Finished", DUEL_UNEXPECTED_MESSAGE,
     DUEL_APP("\x06\x00\x24\x14\x00\x00\x20" TOKEN TOKEN), DUEL_APP("\x06\x00\x00")},
    {"another ALPN", DUEL_NO_APPLICATION_PROTOCOL, {.alpn = "qhcp/2"}, {.alpn = "qhcp/1"}},
    {"no ALPN", DUEL_NO_APPLICATION_PROTOCOL, {.alpn = ""}},
    {"no transport parameters", DUEL_MISSING_EXTENSION, {.no_params = true}},
    {"no transport parameters in the second ClientHello",
     DUEL_MISSING_EXTENSION,
     {.no_params_again = true, .priorities = HELLO_RETRY},
     {.priorities = HELLO_RETRY}},
};

int main(void)
{
    return duel_main("server", cases, sizeof(cases) / sizeof(cases[0]));
}
