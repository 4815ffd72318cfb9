"""What make_vectors.py puts vectors together from: integers, pairs and frames as bytes, the rows of
every message, and a file of vectors.

The limits are those of docs/protocol.md, typed in again: a slip on either side shows as a failing test.
"""

MAX = 2**62 - 1


def v(n):
    """A varint in its shortest form."""
    if n < 64:
        return bytes([n])
    if n < 16384:
        return (n | 0x4000).to_bytes(2, "big")
    if n < 2**30:
        return (n | 0x80000000).to_bytes(4, "big")
    return (n | 0xC000000000000000).to_bytes(8, "big")


def n(key, value):
    return v(key) + v(value)


def b(key, data):
    data = data.encode() if isinstance(data, str) else data
    return v(key) + v(len(data)) + data


def frame(frame_type, payload):
    return v(frame_type) + v(len(payload)) + payload


BOOT = bytes.fromhex("0011223344556677")
DURATION = 31536000000000
SECOND = 1000000
TYPES = {"HELLO": 1, "ACK": 2, "HEALTH_REQUEST": 3, "HEALTH_RESPONSE": 4, "CONFIG_UPDATE": 5,
         "CONFIG_ACK": 6, "ERROR": 7, "TERMINATE": 8, "TERMINATE_ACK": 9}

METRIC = [("number", n(0, 1), "n", 1, MAX // 2), ("name", b(1, "cpu_usage_percent"), "name", 1, 64),
          ("unit", n(2, 1), "n", 0, MAX)]
CHECK = [("status", n(0, 0), "n", 0, 3), ("name", b(1, "http"), "t", 1, 64),
         ("duration_us", n(2, 1500), "n", 0, DURATION), ("reason", None, "t", 1, 255)]
REFUSAL = [("key", n(0, 2), "n", 0, MAX), ("words", b(1, "too short"), "t", 0, 255),
           ("code", n(2, 0x111), "n", 256, MAX)]

# For each message its keys: name, the pair as the smallest valid message has it (None: optional, it
# has none), kind (n number, b bytes, t text, name, list, values), least, greatest, and how often.
MESSAGES = {
    "HELLO": [
        ("interval_us", n(0, SECOND), "n", 1000, 3600 * SECOND), ("lb_id", b(1, "lb-1"), "t", 1, 128),
        ("push", None, "n", 1, 1), ("token", None, "b", 1, 8192),
        ("metrics", None, "n", 1, MAX // 2, 32), ("metric_names", None, "name", 1, 64, 32),
        ("extensions", None, "n", 0, MAX, 16), None, ("beat_us", None, "n", 1000, 3600 * SECOND)],
    "ACK": [
        ("interval_us", n(0, SECOND), "n", 1000, 3600 * SECOND),
        ("server_id", b(1, "web-1"), "t", 1, 128), ("processing_us", n(2, 5000), "n", 0, 60 * SECOND),
        ("boot_id", b(3, BOOT), "b", 8, 8), ("push", n(4, 0), "n", 0, 1),
        ("metrics", None, "list", METRIC, None, 32), ("extensions", None, "n", 0, MAX, 16),
        ("services", None, "t", 1, 280, 16), ("revoked", None, "n", 1, MAX), None,
        ("beat_us", None, "n", 1000, 3600 * SECOND)],
    "HEALTH_REQUEST": [("seq", n(0, 1), "n", 1, MAX), None, ("epoch", n(2, 0), "n", 0, MAX), None,
                       ("in_flight", None, "n", 0, MAX)],
    "HEALTH_RESPONSE": [
        ("seq", None, "n", 1, MAX), ("boot_id", b(1, BOOT), "b", 8, 8), ("epoch", n(2, 1), "n", 1, MAX),
        ("values", None, "values", None, None), ("status", n(4, 0), "n", 0, 4),
        ("reason", None, "t", 1, 255), ("processing_us", n(6, 0), "n", 0, DURATION),
        ("checks", None, "list", CHECK, None, 16), ("beat", None, "n", 1, MAX)],
    "CONFIG_UPDATE": [
        ("id", n(0, 1), "n", 1, MAX), None, ("interval_us", None, "n", 0, DURATION),
        ("token", None, "b", 1, 8192), ("metrics", None, "n", 1, MAX // 2, 32),
        ("metric_names", None, "name", 1, 64, 32), ("push", None, "n", 0, 1),
        ("revocations", None, "b", 1, 12288), ("beat_us", None, "n", 0, DURATION)],
    "CONFIG_ACK": [
        ("id", n(0, 1), "n", 1, MAX), None, ("interval_us", n(2, SECOND), "n", 1000, 3600 * SECOND),
        None, ("push", n(4, 0), "n", 0, 1), ("metrics", None, "list", METRIC, None, 32),
        ("expires_s", None, "n", 0, 10**10), ("refused", None, "list", REFUSAL, None, 8),
        ("revoked", None, "n", 1, MAX), None, ("beat_us", None, "n", 1000, 3600 * SECOND)],
    "ERROR": [("code", n(0, 0x100), "n", 256, MAX), ("words", b(1, "no error"), "t", 0, 255),
              ("refers", None, "n", 0, MAX)],
    "TERMINATE": [("deadline_us", n(0, 30 * SECOND), "n", 0, DURATION),
                  ("reason", b(1, "SIGTERM"), "t", 0, 255)],
    "TERMINATE_ACK": [("outcome", n(0, 0), "n", 0, 1)],
}


class Book:
    """The vectors of one file."""

    def __init__(self, title):
        self.lines = [f"# {title}", "# Written by make_vectors.py; the format is in README.md.", ""]

    def valid(self, name, says, data, message, fields, again=None):
        self.begin(name, says, data, message)
        self.lines += [f"field: {f}" for f in fields]
        if again is not None:
            self.lines.append(f"again: {again.hex() if again else '-'}")
        self.lines.append("")

    def invalid(self, name, says, data, message, error):
        self.begin(name, says, data, message)
        self.lines += [f"error: {error}", ""]

    def begin(self, name, says, data, message):
        self.lines += [f"vector: {name}", f"says: {says}", f"frame: {data.hex()}",
                       f"message: {message}"]

    def text(self):
        return "\n".join(self.lines).rstrip("\n") + "\n"
