#!/usr/bin/env python3
"""Writes the vectors beside it (README.md).  Bytes are put together here pair by pair; the only help
is the encoding of one integer.  `--check` says whether the files are what this would write;
`--corpus DIR` writes the short frames as files, for a fuzzer to begin with.
"""

import pathlib
import sys

from vector_rows import BOOT, MAX, MESSAGES, METRIC, SECOND, TYPES, Book, b, frame, n, v

HERE = pathlib.Path(__file__).resolve().parent


# The vectors of every key, by its row.

def show(kind, pair_value):
    if kind == "n":
        return str(pair_value)
    if kind == "b":
        return pair_value.hex()
    return '"' + pair_value.decode() + '"'


def filler(kind, size):
    return bytes(range(size)) if kind == "b" and size < 256 else b"x" * size


def pair(key, kind, value):
    return n(key, value) if kind == "n" else b(key, value)


def read(raw, kind):
    """What a pair from the tables above holds (one-byte key)."""
    size = 1 << (raw[1] >> 6)
    value = int.from_bytes(raw[1:1 + size], "big") & ((1 << 8 * size - 2) - 1)
    return value if kind == "n" else raw[1 + size:]


def entry_name(row, i=0):
    return f"{row[0]}[{i}]" if len(row) > 5 else row[0]


class Keys:
    """The vectors of the keys of one list: a whole message, or a nested list within one."""

    def __init__(self, book, message, rows, wrap, prefix=""):
        self.book, self.message, self.rows, self.wrap = book, message, rows, wrap
        self.prefix = prefix

    def build(self, key=None, raw=None):
        """The smallest list, with the pairs of one key replaced; its bytes and field lines."""
        data = b""
        for i, row in enumerate(self.rows):
            if row is None:
                continue
            data += raw if i == key else (row[1] or b"")
        return data

    def fields(self, key=None, lines=()):
        out = []
        for i, row in enumerate(self.rows):
            if row is None:
                continue
            if i == key:
                out += lines
            elif row[1]:
                out.append(f"{self.prefix}{row[0]} = {show(row[2], read(row[1], row[2]))}")
        return out

    def name(self, row, rule):
        path = self.prefix.replace("[0]", "")
        return f"{self.message}.{path}{row[0]}.{rule}"

    def good(self, key, rule, says, raw, lines):
        data, before, after = self.wrap(self.build(key, raw))
        self.book.valid(self.name(self.rows[key], rule), says, data, self.message,
                        before + self.fields(key, lines) + after)

    def bad(self, key, rule, says, raw, error):
        data, _, _ = self.wrap(self.build(key, raw))
        self.book.invalid(self.name(self.rows[key], rule), says, data, self.message, error)

    def all(self):
        for key, row in enumerate(self.rows):
            if row is not None:
                self.key(key, row)

    def key(self, key, row):
        kind = row[2]
        if row[1]:
            self.bad(key, "missing", "a required key is missing", b"", "KEY_MISSING")
        if kind == "values":
            return values(self, key)
        if kind == "list":
            return nested(self, key, row)
        value = read(row[1], kind) if row[1] else row[3] if kind == "n" else filler(kind, row[3])
        self.times(key, row, value)
        if kind == "n":
            self.number(key, row)
        else:
            self.octets(key, row)

    def times(self, key, row, value):
        """How often it may stand."""
        kind = row[2]
        most = row[5] if len(row) > 5 else 1
        raw = pair(key, kind, value)
        lines = [f"{self.prefix}{entry_name(row, i)} = {show(kind, value)}" for i in range(most)]
        self.good(key, "as-many-as-may-be", "as often as it may stand", raw * most, lines)
        if most == 1:
            self.bad(key, "twice", "it may stand once", raw * 2, "KEY_DUPLICATE")
        else:
            self.bad(key, "one-too-many", "one more than it may stand", raw * (most + 1), "TOO_MANY")

    def number(self, key, row):
        label = self.prefix + entry_name(row)
        for rule, value in (("least", row[3]), ("greatest", row[4])):
            lines = [f"{label} = {value}"]
            extra = self.excuse(row, value)
            if extra is None:
                self.good(key, rule, f"the {rule} value", n(key, value), lines)
            else:
                extra(key, rule, value, lines)
        if row[3] > 0:
            self.bad(key, "below", "one below the least value", n(key, row[3] - 1), "VALUE")
        if row[4] < MAX:
            self.bad(key, "above", "one above the greatest value", n(key, row[4] + 1), "VALUE")
        self.bad(key, "not-shortest", "its value is a varint of two bytes that fits one",
                 v(key) + b"\x40\x01", "VARINT")

    def excuse(self, row, value):
        """A status that is not serving needs a reason with it."""
        if self.message != "HEALTH_RESPONSE" or self.prefix or row[0] != "status" or value == 0:
            return None

        def with_reason(key, rule, status, lines):
            self.good(key, rule, f"the {rule} value, with the reason it needs",
                      n(key, status) + b(5, "why"), lines + ['reason = "why"'])
        return with_reason

    def octets(self, key, row):
        kind, least, most = row[2:5]
        label = self.prefix + entry_name(row)
        for rule, size in (("least", least), ("greatest", most)):
            data = filler(kind, size)
            self.good(key, rule, f"{size} bytes: the {rule} length", b(key, data),
                      [f"{label} = {show(kind, data)}"])
        if least > 0:
            self.bad(key, "below", "one byte too short", b(key, filler(kind, least - 1)), "VALUE")
        self.bad(key, "above", "one byte too long", b(key, filler(kind, most + 1)), "TOO_LARGE")
        self.bad(key, "not-shortest", "its length is a varint of two bytes that fits one",
                 v(key) + b"\x40\x08" + filler(kind, 8), "VARINT")
        data = b(key, filler(kind, 8))[:-1]
        if key == max(i for i, r in enumerate(self.rows) if r):
            self.bad(key, "cut", "its length says one byte more than there is", data, "TRUNCATED")
        else:
            self.cut(key, row, data)
        if kind == "t":
            self.words(key, label)
        if kind == "name":
            for rule, data in (("upper-case", b"Cpu"), ("not-utf8", b"\xff"), ("hyphen", b"a-b")):
                self.bad(key, rule, "a name is of a-z, 0-9 and _", b(key, data), "VALUE")

    def cut(self, key, row, raw):
        """The list ends within this key's bytes."""
        data = b"".join(r[1] or b"" for i, r in enumerate(self.rows) if r and i < key) + raw
        whole, _, _ = self.wrap(data, True)
        self.book.invalid(self.name(row, "cut"), "its length says one byte more than there is",
                          whole, self.message, "TRUNCATED")

    def words(self, key, label):
        good = "né \"€\" \\ 𝄞~ \u05d0\u2027\u202f"
        shown = good.replace("\\", "\\\\").replace('"', '\\"')
        self.good(key, "utf8", "text of one to four bytes a character", b(key, good),
                  [f'{label} = "{shown}"'])
        for rule, data in (("control", b"a\nb"), ("del", b"a\x7f"), ("c1", "a\u009b2J".encode()),
                           ("nul", b"a\x00"), ("not-utf8", b"caf\xe9"),
                           ("overlong", b"\xc0\xaf"), ("surrogate", b"\xed\xa0\x80"),
                           ("beyond", b"\xf4\x90\x80\x80"), ("half", b"a\xe2\x82"),
                           ("turned", "a\u202egnp".encode()), ("isolated", "\u2067a".encode()),
                           ("mark", "a\u200f".encode()), ("arabic-mark", "a\u061c".encode()),
                           ("line", "a\u2028b".encode())):
            self.bad(key, rule, "not UTF-8, or a control character", b(key, data), "UTF8")


def nested(keys, key, row):
    """A key whose value is a list, on its own and key by key of that list."""
    rows, most = row[3], row[5]

    def inner(i):
        data = b"".join(r[1] or b"" for r in rows)
        return n(0, i + 1) + data[2:] if rows is METRIC else data

    def inner_lines(i):
        lines = [f"{row[0]}[{i}].{r[0]} = {show(r[2], read(r[1], r[2]))}" for r in rows if r[1]]
        if rows is METRIC:
            lines[0] = f"{row[0]}[{i}].number = {i + 1}"
        return lines

    entries = [b(key, inner(i)) for i in range(most + 1)]
    keys.good(key, "as-many-as-may-be", "as often as it may stand", b"".join(entries[:most]),
              [line for i in range(most) for line in inner_lines(i)])
    keys.bad(key, "one-too-many", "one more than it may stand", b"".join(entries), "TOO_MANY")
    keys.bad(key, "empty", "a list without its required keys", b(key, b""), "KEY_MISSING")
    keys.bad(key, "inner-order", "keys within it out of order",
             b(key, b"".join(r[1] for r in reversed(rows) if r[1])), "KEY_ORDER")
    data, before, after = keys.wrap(keys.build(key, b(key, inner(0) + n(0x40, 7) + b(0x41, "x"))))
    again, _, _ = keys.wrap(keys.build(key, b(key, inner(0))))
    keys.book.valid(keys.name(row, "inner-unknown"), "keys within it that are not known", data,
                    keys.message, before + keys.fields(key, inner_lines(0)) + after, again)

    def wrap(payload, cut=False):
        data, before, after = keys.wrap(keys.build(key, b(key, payload)))
        head, tail = keys.fields(key, ["|"]), []
        at = head.index("|")
        head, tail = head[:at], head[at + 1:]
        return data, before + head, tail + after
    Keys(keys.book, keys.message, rows, wrap, f"{row[0]}[0].").all()


def values(keys, key):
    """The metrics of HEALTH_RESPONSE."""
    def good(rule, says, inner, lines):
        keys.good(key, rule, says, b(key, inner), [f"values[{k}] = {x}" for k, x in lines])

    def bad(rule, says, inner, error):
        keys.bad(key, rule, says, b(key, inner), error)

    good("required", "the two required metrics", n(2, 0) + n(4, 10000), [(1, 0), (2, 10000)])
    good("greatest", "the greatest number and value a metric can have", n(MAX - 1, MAX),
         [(MAX // 2, MAX)])
    many = [(64 + i, i) for i in range(33)]
    good("as-many-as-may-be", "32 metrics", b"".join(n(2 * k, x) for k, x in many[:32]), many[:32])
    bad("one-too-many", "33 metrics", b"".join(n(2 * k, x) for k, x in many), "TOO_MANY")
    bad("empty", "no metrics: the key is left out", b"", "VALUE")
    bad("zero", "metric 0 is none", n(0, 1), "VALUE")
    for number in (1, 2, 10, 11):
        good(f"percent-{number}-greatest", "100 %", n(2 * number, 10000), [(number, 10000)])
        bad(f"percent-{number}-above", "more than 100 %", n(2 * number, 10001), "VALUE")
    good("utilization", "application_utilization_percent may pass 100 %", n(6, 25000), [(3, 25000)])
    bad("twice", "a metric twice", n(2, 1) + n(2, 1), "KEY_DUPLICATE")
    bad("order", "metrics out of order", n(4, 1) + n(2, 1), "KEY_ORDER")
    bad("cut", "a metric without its value", n(2, 1) + v(4), "TRUNCATED")
    bad("not-shortest", "a value that is not in its shortest form", v(2) + b"\x40\x01", "VARINT")
    keys.bad(key, "stands-twice", "it may stand once", b(key, n(2, 1)) * 2, "KEY_DUPLICATE")
    data, before, after = keys.wrap(keys.build(key, b(key, n(2, 1) + b(3, "?") + b(3, "?") + n(4, 2))))
    again, _, _ = keys.wrap(keys.build(key, b(key, n(2, 1) + n(4, 2))))
    keys.book.valid(keys.name(keys.rows[key], "odd-unknown"),
                    "an odd key among the metrics is an unknown one", data, keys.message,
                    keys.fields(key, ["values[1] = 1", "values[2] = 2"]), again)


def message_book(message):
    book = Book(f"{message}: every key, every rule")
    code = TYPES[message]
    rows = MESSAGES[message]
    keys = Keys(book, message, rows, lambda payload, cut=False: (frame(code, payload), [], []))
    least = keys.build()
    book.valid(f"{message}.least", "the required keys alone, and the smallest message", frame(code, least),
               message, keys.fields())
    book.valid(f"{message}.unknown-key",
               "keys that are not known, even and odd, one of them twice, are skipped",
               frame(code, least + n(0x40, 5) + b(0x41, "grease") + b(0x41, "") + n(0x7e, MAX)), message,
               keys.fields(), frame(code, least))
    book.invalid(f"{message}.empty", "an empty payload", frame(code, b""), message, "KEY_MISSING")
    book.invalid(f"{message}.order", "an unknown key, then a known one",
                 frame(code, n(0x40, 0) + least), message, "KEY_ORDER")
    book.invalid(f"{message}.unknown-order", "unknown keys out of order",
                 frame(code, least + n(0x42, 0) + n(0x40, 0)), message, "KEY_ORDER")
    book.invalid(f"{message}.unknown-cut", "an unknown key whose bytes are cut",
                 frame(code, least + v(0x41) + v(2) + b"x"), message, "TRUNCATED")
    book.invalid(f"{message}.key-without-value", "a key and no value", frame(code, least + v(0x40)),
                 message, "TRUNCATED")
    book.invalid(f"{message}.key-not-shortest", "a key of two bytes that fits one",
                 frame(code, b"\x40\x00" + least[1:]), message, "VARINT")
    book.invalid(f"{message}.left-over", "a byte after the frame", frame(code, least) + b"\x00", message,
                 "LEFT_OVER")
    book.invalid(f"{message}.truncated", "the frame's last byte is missing", frame(code, least)[:-1],
                 message, "TRUNCATED")
    keys.all()
    RULES.get(message, lambda book: None)(book)
    return book


# What lies between several keys.

def hello_rules(book):
    ids = n(0, 250000) + b(1, "lb.example")
    book.valid("HELLO.whole", "every key", frame(1, ids + n(2, 1) + b(3, "aa.bb.cc") + n(4, 4) + n(4, 3)
               + b(5, "queue_depth") + b(5, "cache_hits") + n(6, 0x21) + n(6, 7)
               + n(8, 250000)), "HELLO",
               ["interval_us = 250000", 'lb_id = "lb.example"', "push = 1",
                "token = 61612e62622e6363", "metrics[0] = 4", "metrics[1] = 3",
                'metric_names[0] = "queue_depth"', 'metric_names[1] = "cache_hits"',
                "extensions[0] = 33", "extensions[1] = 7", "beat_us = 250000"])
    book.invalid("HELLO.lb_id-before-interval_us", "known keys out of order",
                 frame(1, b(1, "lb-1") + n(0, SECOND)), "HELLO", "KEY_ORDER")


def metric(number, name, unit):
    return b(5, n(0, number) + b(1, name) + n(2, unit))


def metrics_rules(book, name, code, head, head_fields):
    cpu, depth = metric(1, "cpu_usage_percent", 1), metric(64, "queue_depth", 0)
    book.valid(f"{name}.metrics.ascending", "two metrics", frame(code, head + cpu + depth), name,
               head_fields + ["metrics[0].number = 1", 'metrics[0].name = "cpu_usage_percent"',
                              "metrics[0].unit = 1", "metrics[1].number = 64",
                              'metrics[1].name = "queue_depth"', "metrics[1].unit = 0"])
    book.invalid(f"{name}.metrics.descending", "metrics whose numbers do not ascend",
                 frame(code, head + depth + cpu), name, "VALUE")
    book.invalid(f"{name}.metrics.same", "a metric's number twice", frame(code, head + cpu + cpu), name,
                 "VALUE")


def ack_rules(book):
    head = n(0, SECOND) + b(1, "web-1") + n(2, 5000) + b(3, BOOT) + n(4, 1)
    metrics_rules(book, "ACK", 2, head,
                  ["interval_us = 1000000", 'server_id = "web-1"', "processing_us = 5000",
                   "boot_id = 0011223344556677", "push = 1"])


def response_rules(book):
    def body(status, reason):
        return b(1, BOOT) + n(2, 3) + n(4, status) + (b(5, reason) if reason else b"") + n(6, 40)

    base = ["boot_id = 0011223344556677", "epoch = 3"]
    book.valid("HEALTH_RESPONSE.whole", "every key",
               frame(4, n(0, 77) + b(1, BOOT) + n(2, 3) + b(3, n(2, 1250) + n(4, 4175)) + n(4, 1)
                     + b(5, "disk is slow") + n(6, 40)
                     + b(7, n(0, 0) + b(1, "tcp:8080") + n(2, 210))
                     + b(7, n(0, 3) + b(1, "exec") + n(2, 2000000) + b(3, "exit status 2"))),
               "HEALTH_RESPONSE",
               ["seq = 77"] + base + ["values[1] = 1250", "values[2] = 4175", "status = 1",
                                      'reason = "disk is slow"', "processing_us = 40",
                                      "checks[0].status = 0", 'checks[0].name = "tcp:8080"',
                                      "checks[0].duration_us = 210", "checks[1].status = 3",
                                      'checks[1].name = "exec"', "checks[1].duration_us = 2000000",
                                      'checks[1].reason = "exit status 2"'])
    for status in range(5):
        book.valid(f"HEALTH_RESPONSE.reason.of-{status}", "a reason goes with any status",
                   frame(4, body(status, "why")), "HEALTH_RESPONSE",
                   base + [f"status = {status}", 'reason = "why"', "processing_us = 40"])
        if status:
            book.invalid(f"HEALTH_RESPONSE.reason.none-of-{status}",
                         "a status that is not serving, without its reason",
                         frame(4, body(status, "")), "HEALTH_RESPONSE", "KEY_MISSING")

    beat = b(1, BOOT) + n(2, 3) + n(4, 0) + n(6, 0) + n(8, 9)
    book.valid("HEALTH_RESPONSE.beat.alone", "a beat", frame(4, beat), "HEALTH_RESPONSE",
               base + ["status = 0", "processing_us = 0", "beat = 9"])
    book.invalid("HEALTH_RESPONSE.beat.with-seq", "a beat is no answer", frame(4, n(0, 77) + beat),
                 "HEALTH_RESPONSE", "VALUE")

    def check(status):
        return frame(4, body(0, "") + b(7, n(0, status) + b(1, "http") + n(2, 1)))
    for status in (0, 1, 3):
        book.valid(f"HEALTH_RESPONSE.checks.status.{status}", "a check's outcome", check(status),
                   "HEALTH_RESPONSE", base + ["status = 0", "processing_us = 40",
                                              f"checks[0].status = {status}",
                                              'checks[0].name = "http"', "checks[0].duration_us = 1"])
    book.invalid("HEALTH_RESPONSE.checks.status.2", "a check is never draining", check(2),
                 "HEALTH_RESPONSE", "VALUE")


def config_rules(book):
    book.valid("CONFIG_UPDATE.names-only", "the list of metrics replaced by one with names alone",
               frame(5, n(0, 9) + b(5, "queue_depth")), "CONFIG_UPDATE",
               ["id = 9", 'metric_names[0] = "queue_depth"'])
    book.valid("CONFIG_UPDATE.whole", "every key",
               frame(5, n(0, 2) + n(2, 500000) + b(3, "aa.bb.cc") + n(4, 1) + n(4, 2)
                     + b(5, "queue_depth") + n(6, 0) + n(8, 500000)), "CONFIG_UPDATE",
               ["id = 2", "interval_us = 500000", "token = 61612e62622e6363", "metrics[0] = 1",
                "metrics[1] = 2", 'metric_names[0] = "queue_depth"', "push = 0",
                "beat_us = 500000"])
    for name, other in (("interval", n(2, 500000)), ("token", b(3, "aa.bb.cc")), ("metrics", n(4, 1)),
                        ("push", n(6, 0))):
        book.invalid(f"CONFIG_UPDATE.revocations.with-{name}", "revocations stand alone",
                     frame(5, n(0, 2) + other + b(7, "aa.bb.cc")), "CONFIG_UPDATE", "VALUE")
    book.invalid("CONFIG_UPDATE.revocations.with-beat_us", "revocations stand alone",
                 frame(5, n(0, 2) + b(7, "aa.bb.cc") + n(8, 0)), "CONFIG_UPDATE", "VALUE")


def config_ack_rules(book):
    head = n(0, 1) + n(2, SECOND) + n(4, 1)
    fields = ["id = 1", "interval_us = 1000000", "push = 1"]
    metrics_rules(book, "CONFIG_ACK", 6, head, fields)
    refused = b(7, n(0, 2) + b(1, "at least 1000 us") + n(2, 0x111))
    book.valid("CONFIG_ACK.whole", "every key",
               frame(6, head + metric(1, "cpu_usage_percent", 1) + n(6, 600) + refused), "CONFIG_ACK",
               fields + ["metrics[0].number = 1", 'metrics[0].name = "cpu_usage_percent"',
                         "metrics[0].unit = 1", "expires_s = 600", "refused[0].key = 2",
                         'refused[0].words = "at least 1000 us"', "refused[0].code = 273"])


RULES = {"HELLO": hello_rules, "ACK": ack_rules, "HEALTH_RESPONSE": response_rules,
         "CONFIG_UPDATE": config_rules, "CONFIG_ACK": config_ack_rules}


def framing_book():
    book = Book("Frames: types, lengths, and types that are not known")
    request = n(0, 1) + n(2, 0)
    for name, code in (("zero", 0), ("next", 10), ("grease-0", 0x21), ("grease-1", 0x40),
                       ("grease-2", 0x5f), ("greatest", MAX)):
        book.valid(f"frame.unknown.{name}", "a type that is not known is skipped, whatever is in it",
                   frame(code, b"\xff\x00\x40"), "frame", [f"type = {code}"], b"")
    book.valid("frame.unknown.empty", "an unknown frame may be empty", frame(0x21, b""), "frame",
               ["type = 33"], b"")
    book.valid("frame.unknown.greatest-payload", "16384 bytes are a payload's most",
               frame(0x21, b"\x00" * 16384), "frame", ["type = 33"], b"")
    book.invalid("frame.too-large", "16385 bytes are too many, before they are all there",
                 v(0x21) + v(16385) + b"\x00", "frame", "TOO_LARGE")
    book.invalid("frame.too-large-known", "of a known type too", v(1) + v(16385) + b"\x00", "HELLO",
                 "TOO_LARGE")
    book.invalid("frame.too-large-length", "the greatest length there is", v(3) + v(MAX),
                 "HEALTH_REQUEST", "TOO_LARGE")
    book.invalid("frame.none", "no byte at all", b"", "-", "TRUNCATED")
    book.invalid("frame.type-cut", "half a type", b"\x40", "-", "TRUNCATED")
    book.invalid("frame.type-not-shortest", "a type of two bytes that fits one",
                 b"\x40\x03" + v(len(request)) + request, "-", "VARINT")
    book.invalid("frame.type-not-shortest-4", "a type of four bytes that fits two",
                 b"\x80\x00\x3f\xff\x00", "-", "VARINT")
    book.invalid("frame.type-not-shortest-8", "a type of eight bytes that fits four",
                 b"\xc0\x00\x00\x00\x3f\xff\xff\xff\x00", "-", "VARINT")
    book.invalid("frame.length-none", "a type and nothing else", b"\x03", "HEALTH_REQUEST", "TRUNCATED")
    book.invalid("frame.length-not-shortest", "a length of two bytes that fits one",
                 b"\x03\x40" + bytes([len(request)]) + request, "HEALTH_REQUEST", "VARINT")
    book.invalid("frame.payload-cut", "fewer bytes than the length says", b"\x03\x04\x00\x01\x02",
                 "HEALTH_REQUEST", "TRUNCATED")
    book.invalid("frame.left-over", "more bytes than the length says", b"\x03\x04\x00\x01\x02\x00\x00",
                 "HEALTH_REQUEST", "LEFT_OVER")
    book.invalid("frame.two", "a second frame in one datagram", frame(3, request) * 2, "HEALTH_REQUEST",
                 "LEFT_OVER")
    book.invalid("frame.unknown-left-over", "bytes after an unknown frame", frame(0x21, b"x") + b"y",
                 "frame", "LEFT_OVER")
    return book


def books():
    yield "framing.txt", framing_book()
    for message in TYPES:
        yield message.lower() + ".txt", message_book(message)


def write_corpus(folder):
    for _, book in books():
        name = None
        for line in book.lines:
            if line.startswith("vector: "):
                name = line[8:]
            elif line.startswith("frame: ") and len(line) < 1200:
                (folder / name).write_bytes(bytes.fromhex(line[7:]))


def main():
    stale = []
    if "--corpus" in sys.argv:
        write_corpus(pathlib.Path(sys.argv[2]))
        return 0
    for name, book in books():
        path = HERE / name
        if "--check" not in sys.argv:
            path.write_text(book.text(), encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != book.text():
            stale.append(name)
    if "--check" in sys.argv:
        print("TAP version 13\n1..1")
        print(f"{'not ok' if stale else 'ok'} 1 - the vectors are what make_vectors.py writes")
        if stale:
            print("# stale: " + ", ".join(stale))
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
