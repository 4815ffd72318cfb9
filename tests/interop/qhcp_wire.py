"""The wire format of QHCP/1, a second time.

Written from docs/protocol.md alone, with the standard library alone, and sharing nothing with the
code under src/: what both say of the same bytes is what the document says.  Not for production.

decode(bytes) -> Message, or WireError with the name of the error;  encode(Message) -> bytes;
dump(Message) -> the lines that tests/vectors/README.md describes.
"""

import unicodedata
from dataclasses import dataclass, field

VARINT_MAX = 2**62 - 1
METRIC_MAX = VARINT_MAX // 2
FRAME_PAYLOAD_MAX = 16384
DURATION_MAX = 365 * 24 * 3600 * 10**6


class WireError(Exception):
    """A rule of the protocol is broken; `name` is the error's in the registry."""

    def __init__(self, name, frame_type=None):
        super().__init__(name)
        self.name = name
        self.frame_type = frame_type


@dataclass
class Row:
    """One key of a list."""

    key: int
    name: str
    kind: str  # number, bytes, text, name, list, values
    lo: int = 0
    hi: int = VARINT_MAX
    required: bool = False
    most: int = 0  # 0: once
    list: list = None
    rule: object = None  # of the nested list


@dataclass
class Message:
    type: int
    fields: dict = field(default_factory=dict)


def number(key, name, lo=0, hi=VARINT_MAX, **more):
    return Row(key, name, "number", lo, hi, **more)


def text(key, name, lo, hi, **more):
    return Row(key, name, "text", lo, hi, **more)


def octets(key, name, lo, hi, **more):
    return Row(key, name, "bytes", lo, hi, **more)


def a_name(key, name, **more):
    return Row(key, name, "name", 1, 64, **more)


def a_list(key, name, rows, most, rule=None):
    return Row(key, name, "list", list=rows, most=most, rule=rule)


METRIC = [number(0, "number", 1, METRIC_MAX, required=True), a_name(1, "name", required=True),
          number(2, "unit", required=True)]
CHECK = [number(0, "status", 0, 3, required=True), text(1, "name", 1, 64, required=True),
         number(2, "duration_us", 0, DURATION_MAX, required=True), text(3, "reason", 1, 255)]
REFUSAL = [number(0, "key", required=True), text(1, "words", 0, 255, required=True),
           number(2, "code", 0x100, required=True)]


def check_rule(fields):
    if fields["status"] == 2:
        raise WireError("VALUE")


def metrics_rule(fields):
    numbers = [m["number"] for m in fields.get("metrics", [])]
    if numbers != sorted(set(numbers)):
        raise WireError("VALUE")


def response_rule(fields):
    if fields["status"] != 0 and "reason" not in fields:
        raise WireError("KEY_MISSING")
    if "seq" in fields and "beat" in fields:
        raise WireError("VALUE")


def update_rule(fields):
    if "revocations" in fields and len(fields) > 2:
        raise WireError("VALUE")


INTERVAL = (1000, 3600 * 10**6)
REQUIRED = {"required": True}

HELLO, ACK, HEALTH_REQUEST, HEALTH_RESPONSE, CONFIG_UPDATE = 1, 2, 3, 4, 5
CONFIG_ACK, ERROR, TERMINATE, TERMINATE_ACK = 6, 7, 8, 9

MESSAGES = {
    HELLO: ("HELLO", None, [
        number(0, "interval_us", *INTERVAL, **REQUIRED), text(1, "lb_id", 1, 128, **REQUIRED),
        number(2, "push", 1, 1), octets(3, "token", 1, 8192),
        number(4, "metrics", 1, METRIC_MAX, most=32), a_name(5, "metric_names", most=32),
        number(6, "extensions", most=16), number(8, "beat_us", *INTERVAL)]),
    ACK: ("ACK", metrics_rule, [
        number(0, "interval_us", *INTERVAL, **REQUIRED), text(1, "server_id", 1, 128, **REQUIRED),
        number(2, "processing_us", 0, 60 * 10**6, **REQUIRED), octets(3, "boot_id", 8, 8, **REQUIRED),
        number(4, "push", 0, 1, **REQUIRED), a_list(5, "metrics", METRIC, 32),
        number(6, "extensions", most=16), text(7, "services", 1, 280, most=16),
        number(8, "revoked", 1), number(10, "beat_us", *INTERVAL)]),
    HEALTH_REQUEST: ("HEALTH_REQUEST", None, [
        number(0, "seq", 1, **REQUIRED), number(2, "epoch", **REQUIRED), number(4, "in_flight")]),
    HEALTH_RESPONSE: ("HEALTH_RESPONSE", response_rule, [
        number(0, "seq", 1), octets(1, "boot_id", 8, 8, **REQUIRED), number(2, "epoch", 1, **REQUIRED),
        Row(3, "values", "values"), number(4, "status", 0, 4, **REQUIRED), text(5, "reason", 1, 255),
        number(6, "processing_us", 0, DURATION_MAX, **REQUIRED),
        a_list(7, "checks", CHECK, 16, check_rule), number(8, "beat", 1)]),
    CONFIG_UPDATE: ("CONFIG_UPDATE", update_rule, [
        number(0, "id", 1, **REQUIRED), number(2, "interval_us", 0, DURATION_MAX),
        octets(3, "token", 1, 8192), number(4, "metrics", 1, METRIC_MAX, most=32),
        a_name(5, "metric_names", most=32), number(6, "push", 0, 1),
        octets(7, "revocations", 1, 12288), number(8, "beat_us", 0, DURATION_MAX)]),
    CONFIG_ACK: ("CONFIG_ACK", metrics_rule, [
        number(0, "id", 1, **REQUIRED), number(2, "interval_us", *INTERVAL, **REQUIRED),
        number(4, "push", 0, 1, **REQUIRED), a_list(5, "metrics", METRIC, 32),
        number(6, "expires_s", 0, 10**10), a_list(7, "refused", REFUSAL, 8),
        number(8, "revoked", 1), number(10, "beat_us", *INTERVAL)]),
    ERROR: ("ERROR", None, [
        number(0, "code", 0x100, **REQUIRED), text(1, "words", 0, 255, **REQUIRED),
        number(2, "refers")]),
    TERMINATE: ("TERMINATE", None, [
        number(0, "deadline_us", 0, DURATION_MAX, **REQUIRED), text(1, "reason", 0, 255, **REQUIRED)]),
    TERMINATE_ACK: ("TERMINATE_ACK", None, [number(0, "outcome", 0, 1, **REQUIRED)]),
}

# The registered metrics' greatest values.
VALUE_MAX = {1: 10000, 2: 10000, 10: 10000, 11: 10000}


# Bytes.

def varint(value):
    for size, prefix in ((1, 0), (2, 1), (4, 2), (8, 3)):
        if value < 1 << (8 * size - 2):
            return (value | prefix << (8 * size - 2)).to_bytes(size, "big")
    raise WireError("VALUE")


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return len(self.data) - self.at

    def take(self, n):
        if n > self.left():
            raise WireError("TRUNCATED")
        self.at += n
        return self.data[self.at - n:self.at]

    def varint(self):
        if self.left() == 0:
            raise WireError("TRUNCATED")
        size = 1 << (self.data[self.at] >> 6)
        raw = self.take(size)
        value = int.from_bytes(raw, "big") & ((1 << (8 * size - 2)) - 1)
        if varint(value) != raw:
            raise WireError("VARINT")
        return value


def pairs(data):
    """(key, value, same key as before), each judged by its form."""
    reader, last = Reader(data), -1
    while reader.left():
        key = reader.varint()
        if key < last:
            raise WireError("KEY_ORDER")
        value = reader.varint()
        if key % 2:
            value = reader.take(value)
        yield key, value, key == last
        last = key


# Values.

TURNS = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
MARKS = "\u061c\u200e\u200f"


def check_text(data):
    try:
        words = data.decode("utf-8")
    except UnicodeDecodeError:
        raise WireError("UTF8") from None
    if any(unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in MARKS or
           unicodedata.bidirectional(c) in TURNS for c in words):
        raise WireError("UTF8")


def check_value(row, value):
    """Does a number, or bytes, fit its row?"""
    if row.kind == "number":
        if not row.lo <= value <= row.hi:
            raise WireError("VALUE")
        return
    if len(value) > row.hi:
        raise WireError("TOO_LARGE")
    if len(value) < row.lo:
        raise WireError("VALUE")
    if row.kind == "text":
        check_text(value)
    if row.kind == "name" and not all(c in b"abcdefghijklmnopqrstuvwxyz0123456789_" for c in value):
        raise WireError("VALUE")


def check_metric(metric, value):
    if not 1 <= metric <= METRIC_MAX or value > VALUE_MAX.get(metric, VARINT_MAX):
        raise WireError("VALUE")


def decode_values(data):
    values = {}
    if not data:
        raise WireError("VALUE")
    for key, value, again in pairs(data):
        if key % 2:
            continue
        if again:
            raise WireError("KEY_DUPLICATE")
        if len(values) == 32:
            raise WireError("TOO_MANY")
        check_metric(key // 2, value)
        values[key // 2] = value
    return values


def decode_value(row, value):
    if row.kind == "list":
        return decode_list(row.list, row.rule, value)
    if row.kind == "values":
        return decode_values(value)
    check_value(row, value)
    return value


def decode_list(rows, rule, data):
    known = {row.key: row for row in rows}
    fields = {}
    for key, value, again in pairs(data):
        row = known.get(key)
        if row is None:
            continue
        if row.most == 0:
            if again:
                raise WireError("KEY_DUPLICATE")
            fields[row.name] = decode_value(row, value)
            continue
        entries = fields.setdefault(row.name, [])
        if len(entries) == row.most:
            raise WireError("TOO_MANY")
        entries.append(decode_value(row, value))
    for row in rows:
        if row.required and row.name not in fields:
            raise WireError("KEY_MISSING")
    if rule:
        rule(fields)
    return {name: value for name, value in fields.items() if value != {} and value != []}


def decode(data):
    """One whole frame.  A frame of an unknown type has no fields."""
    reader, frame_type = Reader(data), None
    try:
        frame_type = reader.varint()
        length = reader.varint()
        if length > FRAME_PAYLOAD_MAX:
            raise WireError("TOO_LARGE")
        payload = reader.take(length)
        if reader.left():
            raise WireError("LEFT_OVER")
        if frame_type not in MESSAGES:
            return Message(frame_type)
        _, rule, rows = MESSAGES[frame_type]
        return Message(frame_type, decode_list(rows, rule, payload))
    except WireError as error:
        error.frame_type = frame_type
        raise


def encode_value(row, value):
    if row.kind == "number":
        check_value(row, value)
        return varint(value)
    if row.kind == "list":
        data = encode_list(row.list, row.rule, value)
    elif row.kind == "values":
        data = b""
        for metric in sorted(value):
            check_metric(metric, value[metric])
            data += varint(2 * metric) + varint(value[metric])
    else:
        check_value(row, value)
        data = value
    return varint(len(data)) + data


def encode_list(rows, rule, fields):
    data = b""
    for row in rows:
        if row.name not in fields:
            if row.required:
                raise WireError("KEY_MISSING")
            continue
        entries = fields[row.name] if row.most else [fields[row.name]]
        if row.most and len(entries) > row.most:
            raise WireError("TOO_MANY")
        for entry in entries:
            data += varint(row.key) + encode_value(row, entry)
    if rule:
        rule(fields)
    return data


def encode(message):
    _, rule, rows = MESSAGES[message.type]
    payload = encode_list(rows, rule, message.fields)
    if len(payload) > FRAME_PAYLOAD_MAX:
        raise WireError("TOO_LARGE")
    return varint(message.type) + varint(len(payload)) + payload


# Dumps.

def quoted(data):
    return '"' + data.decode("utf-8").replace("\\", "\\\\").replace('"', '\\"') + '"'


def dump_value(row, name, value):
    if row.kind == "number":
        return [f"{name} = {value}"]
    if row.kind == "bytes":
        return [f"{name} = {value.hex()}"]
    if row.kind == "values":
        return [f"{name}[{metric}] = {value[metric]}" for metric in sorted(value)]
    if row.kind == "list":
        return dump_list(row.list, value, name + ".")
    return [f"{name} = {quoted(value)}"]


def dump_list(rows, fields, prefix=""):
    lines = []
    for row in rows:
        if row.name not in fields:
            continue
        if row.most == 0:
            lines += dump_value(row, prefix + row.name, fields[row.name])
            continue
        for i, entry in enumerate(fields[row.name]):
            lines += dump_value(row, f"{prefix}{row.name}[{i}]", entry)
    return lines


def type_name(frame_type):
    return MESSAGES[frame_type][0] if frame_type in MESSAGES else "frame"


def dump(message):
    if message.type not in MESSAGES:
        return [f"type = {message.type}"]
    return dump_list(MESSAGES[message.type][2], message.fields)


# Random valid messages.

def random_number(rng, row):
    hi = row.hi
    if rng.random() < 0.2:
        return rng.choice((row.lo, hi))
    size = rng.choice((6, 14, 30, 62))
    return max(row.lo, min(hi, rng.getrandbits(size)))


def random_text(rng, row):
    letters = "ab z\"\\~é€☂𝄞0=:"
    words, size = "", rng.randint(row.lo, min(row.hi, 40))
    if rng.random() < 0.05:
        return b"x" * row.hi
    while len((words + "𝄞").encode()) <= size:
        words += rng.choice(letters)
    words += "x" * (size - len(words.encode()))
    return words.encode()


def random_value(rng, row):
    if row.kind == "number":
        return random_number(rng, row)
    if row.kind == "text":
        return random_text(rng, row)
    if row.kind == "name":
        return bytes(rng.choice(b"abcz059_") for _ in range(rng.randint(1, rng.choice((3, 64)))))
    if row.kind == "bytes":
        return rng.randbytes(rng.randint(row.lo, rng.choice((row.lo, min(row.hi, 300), row.hi))))
    if row.kind == "values":
        numbers = {rng.choice((rng.randint(1, 12), 64 + rng.randint(0, 40), rng.randint(1, METRIC_MAX)))
                   for _ in range(rng.randint(1, 32))}
        return {m: random_number(rng, Row(0, "", "number", 0, VALUE_MAX.get(m, VARINT_MAX)))
                for m in numbers}
    fields = random_fields(rng, row.list)
    if row.rule is check_rule and fields["status"] == 2:
        fields["status"] = 3
    return fields


def random_fields(rng, rows):
    fields = {}
    for row in rows:
        if not row.required and rng.random() < 0.5:
            continue
        if row.most == 0:
            fields[row.name] = random_value(rng, row)
        else:
            count = rng.choice((1, 2, rng.randint(1, row.most), row.most))
            fields[row.name] = [random_value(rng, row) for _ in range(count)]
    return fields


def random_message(rng):
    frame_type = rng.choice(sorted(MESSAGES))
    fields = random_fields(rng, MESSAGES[frame_type][2])
    if frame_type in (ACK, CONFIG_ACK) and "metrics" in fields:
        by_number = {m["number"]: m for m in fields["metrics"]}
        fields["metrics"] = [by_number[n] for n in sorted(by_number)]
    if frame_type == CONFIG_UPDATE and "revocations" in fields:
        fields = {name: fields[name] for name in ("id", "revocations")}
    if frame_type == HEALTH_RESPONSE and fields["status"] != 0 and "reason" not in fields:
        fields["reason"] = b"because"
    if frame_type == HEALTH_RESPONSE and "seq" in fields:
        fields.pop("beat", None)
    return Message(frame_type, fields)
