#!/usr/bin/env python3
"""Writes sessions.txt (README.md): what a receiver does with a frame, by its state, its channel and what
its session knows.  The tables are typed in here once more, from docs/protocol.md.  `--check` says
whether the file is what this would write.
"""

import pathlib
import sys

from vector_rows import SECOND, TYPES, b, frame, n, v

HERE = pathlib.Path(__file__).resolve().parent
BOOT = b"bootboot"
UNKNOWN = frame(0x21, b"abc")
HELLO = n(0, SECOND) + b(1, "lb") + n(2, 1) + b(3, "a.b.c")
ACK = n(0, SECOND) + b(1, "server") + n(2, 0) + b(3, BOOT) + n(4, 1)


def response(seq, epoch, boot=BOOT, status=0):
    return frame(4, (n(0, seq) if seq else b"") + b(1, boot) + n(2, epoch) + n(4, status)
                 + (b(5, "why") if status else b"") + n(6, 0))


def beat(number, epoch, status=0):
    return frame(4, b(1, BOOT) + n(2, epoch) + n(4, status) + (b(5, "why") if status else b"") + n(6, 0)
                 + n(8, number))


FRAMES = {"unknown": UNKNOWN, "HELLO": frame(1, HELLO), "ACK": frame(2, ACK),
          "HEALTH_REQUEST": frame(3, n(0, 1) + n(2, 0)), "HEALTH_RESPONSE": response(1, 1),
          "CONFIG_UPDATE": frame(5, n(0, 1) + n(2, 2 * SECOND)),
          "CONFIG_ACK": frame(6, n(0, 1) + n(2, 2 * SECOND) + n(4, 1)),
          "ERROR": frame(7, n(0, 0x101) + b(1, "internal")),
          "TERMINATE": frame(8, n(0, 30 * SECOND) + b(1, "bye")), "TERMINATE_ACK": frame(9, n(0, 0))}

# What each side takes in each state, and what follows: the next state, what is sent, the close.
IGNORED = {"unknown": ()}
GONE = {"ERROR": ("CLOSED", "-", "NO_ERROR")}
WATCHED = {**IGNORED, **GONE, "HEALTH_RESPONSE": (None,), "CONFIG_ACK": (None,)}
SERVED = {**IGNORED, **GONE, "HEALTH_REQUEST": (None, "HEALTH_RESPONSE"),
          "CONFIG_UPDATE": (None, "CONFIG_ACK"),
          "TERMINATE": ("CLOSED", "TERMINATE_ACK", "NO_ERROR")}
TABLES = {
    "lb": {"GREETING": {**IGNORED, **GONE, "ACK": ("ACTIVE",), "HEALTH_RESPONSE": (None,)},
           "ACTIVE": {**WATCHED, "TERMINATE": ("LEAVING",)},
           "LEAVING": WATCHED,
           "LEFT": WATCHED,
           "TERMINATING": {**WATCHED, "ACK": (None,), "TERMINATE": (None, "TERMINATE_ACK"),
                           "TERMINATE_ACK": ("CLOSED", "-", "NO_ERROR")},
           "CLOSED": {name: (None,) for name in FRAMES}},
    "server": {"WAITING": {**IGNORED, **GONE, "HELLO": ("CHECKING",)},
               "CHECKING": {**IGNORED, **GONE},
               "ACTIVE": SERVED,
               "TERMINATING": {**SERVED, "TERMINATE_ACK": ("CLOSED", "-", "NO_ERROR")},
               "CLOSED": {name: (None,) for name in FRAMES}}}


class Book:
    def __init__(self):
        self.lines = ["# Sessions: what a receiver does with a frame",
                      "# Written by make_sessions.py; the format is in README.md.", ""]

    def add(self, name, says, at, data, next_state=None, sends="-", closes=None, channel="stream",
            facts="", takes=None):
        side, state = at.split(".")
        self.lines += [f"vector: {name}", f"says: {says}", f"side: {side}", f"state: {state}"]
        self.lines += [f"with: {facts}"] if facts else []
        self.lines += [f"channel: {channel}", f"frame: {data.hex()}"]
        self.lines += [f"takes: {takes}"] if takes else []
        self.lines += [f"sends: {sends}"]
        self.lines += [f"closes: {closes}"] if closes else []
        self.lines += [f"next: {next_state or state}", ""]

    def refused(self, name, says, at, data, error, **more):
        self.add(name, says, at, data, "CLOSED", "ERROR", error, **more)


def usual_takes(side, state, name):
    if (side, name) != ("lb", "HEALTH_RESPONSE") or state == "CLOSED":
        return None
    return "nothing" if state == "GREETING" else "answer status"


def tables(book):
    for side, states in TABLES.items():
        for state, rows in states.items():
            for name, data in FRAMES.items():
                at = f"{side}.{state}"
                facts = "open=1" if side == "lb" and state not in ("GREETING", "CLOSED") else ""
                if name in rows:
                    follows = rows[name] + (None, "-", None)[len(rows[name]):]
                    book.add(f"{at}.{name}", f"{name} in {state}", at, data, *follows, facts=facts,
                             takes=usual_takes(side, state, name))
                else:
                    book.refused(f"{at}.{name}", f"{name} in {state}: no row", at, data, "UNEXPECTED",
                                 facts=facts)


def datagrams(book):
    for side, state in (("lb", "ACTIVE"), ("server", "ACTIVE"), ("server", "WAITING")):
        at = f"{side}.{state}"
        for name in TYPES:
            if not name.startswith("HEALTH"):
                book.refused(f"datagram.{at}.{name}", "it may not come in a DATAGRAM", at, FRAMES[name],
                             "DATAGRAM", channel="datagram")
        book.add(f"datagram.{at}.unknown", "a type that is not known is skipped there too", at, UNKNOWN,
                 channel="datagram")
        book.refused(f"datagram.{at}.empty", "an empty DATAGRAM is a cut frame", at, b"", "TRUNCATED",
                     channel="datagram")
        book.refused(f"datagram.{at}.two", "a DATAGRAM holds one frame", at, UNKNOWN + UNKNOWN,
                     "LEFT_OVER", channel="datagram")
    book.add("datagram.server.ACTIVE.HEALTH_REQUEST", "a check", "server.ACTIVE",
             FRAMES["HEALTH_REQUEST"], sends="HEALTH_RESPONSE", channel="datagram")
    book.add("datagram.lb.ACTIVE.HEALTH_RESPONSE", "its answer", "lb.ACTIVE", response(1, 1),
             channel="datagram", takes="answer status")
    book.add("datagram.lb.GREETING.HEALTH_RESPONSE", "a push that overtook ACK", "lb.GREETING",
             response(0, 1), channel="datagram", takes="nothing")
    book.refused("datagram.server.WAITING.HEALTH_REQUEST", "a check before HELLO", "server.WAITING",
                 FRAMES["HEALTH_REQUEST"], "UNEXPECTED", channel="datagram")


def precedence(book):
    book.refused("order.encoding-before-channel", "HELLO in a DATAGRAM, a key missing", "server.ACTIVE",
                 frame(1, n(0, SECOND)), "KEY_MISSING", channel="datagram")
    book.refused("order.encoding-before-state", "a second HELLO, a varint too long", "server.ACTIVE",
                 frame(1, v(0) + b"\x40\x01"), "VARINT")
    book.refused("order.channel-before-state", "TERMINATE in a DATAGRAM before HELLO",
                 "server.WAITING", FRAMES["TERMINATE"], "DATAGRAM", channel="datagram")
    book.refused("order.state-before-scope", "TERMINATE before the token was judged", "server.CHECKING",
                 FRAMES["TERMINATE"], "UNEXPECTED", facts="scopes=health")
    book.refused("order.encoding-before-id", "an id that does not grow, and a value out of range",
                 "server.ACTIVE", frame(5, n(0, 1) + n(6, 2)), "VALUE", facts="newest=1")


def knowledge(book):
    health = FRAMES["HEALTH_REQUEST"]
    book.add("server.request.again", "a seq that came before is answered again", "server.ACTIVE", health,
             sends="HEALTH_RESPONSE", facts="asked=1")
    book.add("server.request.falls", "so is one that fell", "server.ACTIVE", health,
             sends="HEALTH_RESPONSE", facts="asked=9")
    book.add("server.request.epoch-ahead", "an epoch that the server has not come to", "server.ACTIVE",
             frame(3, n(0, 1) + n(2, 99)), sends="HEALTH_RESPONSE")
    book.add("server.update.grows", "an id that grows, with a gap", "server.ACTIVE",
             frame(5, n(0, 7) + n(6, 0)), sends="CONFIG_ACK", facts="newest=1")
    book.refused("server.update.same", "an id that does not grow", "server.ACTIVE",
                 FRAMES["CONFIG_UPDATE"], "VALUE", facts="newest=1")
    book.refused("server.update.second", "one while another is unanswered", "server.ACTIVE",
                 frame(5, n(0, 2) + n(6, 0)), "EXCESSIVE", facts="open=1")
    book.add("server.terminate.scope", "TERMINATE with its scope", "server.ACTIVE", FRAMES["TERMINATE"],
             "CLOSED", "TERMINATE_ACK", "NO_ERROR", facts="scopes=health,terminate")
    book.refused("server.terminate.no-scope", "TERMINATE without its scope", "server.ACTIVE",
                 FRAMES["TERMINATE"], "TOKEN_SCOPE", facts="scopes=health,config")
    book.add("server.update.no-scope", "CONFIG_UPDATE without its scope is refused in CONFIG_ACK",
             "server.ACTIVE", FRAMES["CONFIG_UPDATE"], sends="CONFIG_ACK", facts="scopes=health")
    book.refused("lb.ack.extension", "an extension that HELLO did not name", "lb.GREETING",
                 frame(2, ACK + n(6, 0x4000)), "VALUE")
    beats = n(6, 1) + n(10, SECOND)
    book.add("lb.ack.beats", "beats, confirmed as they were asked for", "lb.GREETING",
             frame(2, ACK + beats), "ACTIVE", facts="beats=1000000")
    book.add("lb.ack.no-beats", "beats that the server does not send", "lb.GREETING",
             frame(2, ACK + n(6, 1)), "ACTIVE", facts="beats=1000000")
    book.refused("lb.ack.beats-unasked", "beats that nobody has asked for", "lb.GREETING",
                 frame(2, ACK + beats), "VALUE")
    book.refused("lb.ack.beats-otherwise", "beats at another interval", "lb.GREETING",
                 frame(2, ACK + beats), "VALUE", facts="beats=500000")
    book.refused("lb.ack.beats-no-extension", "beats without the extension", "lb.GREETING",
                 frame(2, ACK + n(10, SECOND)), "VALUE", facts="beats=1000000")
    book.add("lb.config_ack.beats", "beats at the interval that was asked for", "lb.ACTIVE",
             frame(6, n(0, 1) + n(2, 2 * SECOND) + n(4, 1) + n(10, SECOND)),
             facts="open=1 beats=1000000")
    book.add("lb.config_ack.no-beats", "beats come no more", "lb.ACTIVE", FRAMES["CONFIG_ACK"],
             facts="open=1 beats=1000000")
    book.refused("lb.config_ack.beats-unasked", "beats that nobody has asked for", "lb.ACTIVE",
                 frame(6, n(0, 1) + n(2, 2 * SECOND) + n(4, 1) + n(10, SECOND)), "VALUE",
                 facts="open=1")
    book.add("lb.beat.first", "a beat that brings the first status", "lb.ACTIVE", beat(1, 1),
             channel="datagram", takes="status beat", facts="beats=1000000")
    book.add("lb.beat.same-epoch", "a beat of the epoch that is known", "lb.ACTIVE", beat(9, 5),
             channel="datagram", takes="beat", facts="beats=1000000 epoch=5")
    book.add("lb.beat.older-epoch", "a beat that a push has overtaken", "lb.ACTIVE",
             beat(9, 4, status=2), channel="datagram", takes="beat", facts="beats=1000000 epoch=5")
    book.add("lb.beat.again", "a beat that is not the newest", "lb.ACTIVE", beat(9, 5),
             channel="datagram", takes="nothing", facts="beats=1000000 epoch=5 newest=9")
    book.add("lb.beat.unasked", "a beat that nobody has asked for", "lb.ACTIVE", beat(1, 5),
             channel="datagram", takes="nothing", facts="epoch=5")
    book.refused("lb.config_ack.unasked", "CONFIG_ACK that nobody waits for", "lb.ACTIVE",
                 FRAMES["CONFIG_ACK"], "UNEXPECTED")
    book.refused("lb.config_ack.other-id", "CONFIG_ACK of another update", "lb.ACTIVE",
                 frame(6, n(0, 2) + n(2, 2 * SECOND) + n(4, 1)), "UNEXPECTED", facts="open=1")
    book.add("lb.response.other-boot_id", "another process answers: close, and connect again",
             "lb.ACTIVE", response(1, 1, b"\x00" * 8), "CLOSED", "-", "NO_ERROR", takes="restarted")
    book.add("lb.response.unknown-seq", "an answer to a request that was never sent", "lb.ACTIVE",
             response(77, 1), takes="status")
    book.add("lb.response.older-epoch", "an overtaken answer proves life alone", "lb.ACTIVE",
             response(1, 4, status=2), takes="answer", facts="epoch=5")
    book.add("lb.response.same-epoch", "an answer of the epoch that is known", "lb.ACTIVE",
             response(1, 5), takes="answer", facts="epoch=5")
    book.add("lb.push.newer", "a push of a newer epoch", "lb.ACTIVE", response(0, 6, status=2),
             takes="status", facts="epoch=5")
    book.add("lb.push.again", "a push that came before", "lb.ACTIVE", response(0, 5, status=2),
             takes="nothing", facts="epoch=5")


def text():
    book = Book()
    for part in (tables, datagrams, precedence, knowledge):
        part(book)
    return "\n".join(book.lines).rstrip("\n") + "\n"


def main():
    path = HERE / "sessions.txt"
    if "--check" not in sys.argv:
        path.write_text(text(), encoding="utf-8")
        return 0
    fresh = path.exists() and path.read_text(encoding="utf-8") == text()
    print(f"TAP version 13\n1..1\n{'ok' if fresh else 'not ok'} 1 - sessions.txt is fresh")
    return 0 if fresh else 1


if __name__ == "__main__":
    sys.exit(main())
