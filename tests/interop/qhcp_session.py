"""What a receiver of QHCP/1 does with a frame, a second time: written from docs/protocol.md alone, on
top of qhcp_wire.py, and sharing nothing with the code under src/.

receive(side, state, data, datagram, facts) -> Outcome: what is taken from the frame, which frames are
sent for it, with which code the connection is closed, and the next state.
"""

from dataclasses import dataclass, field

import qhcp_wire as wire

CLOSED = "CLOSED"
ALL_SCOPES = frozenset({"health", "config", "terminate"})
IN_DATAGRAMS = {wire.HEALTH_REQUEST, wire.HEALTH_RESPONSE}


@dataclass
class Facts:
    """What the session knows: of the requests and updates before, of the token, of status epochs."""

    scopes: frozenset = ALL_SCOPES
    newest: int = 0  # the newest CONFIG_UPDATE's id, or beat's number
    open: int = 0  # the id of the one that is not answered yet; 0: none
    epoch: int = 0  # the newest that the load balancer has seen
    asked: int = 1  # the newest request's seq
    boot_id: bytes = b"bootboot"
    extensions: frozenset = frozenset({1})  # that HELLO named
    beats: int = 0  # how often beats were asked for, and from ACTIVE on confirmed; 0: never


@dataclass
class Outcome:
    next: str
    takes: list = field(default_factory=list)
    sends: list = field(default_factory=list)
    closes: str = None


class Refusal(Exception):
    """Ends the session with this code."""


def health_response(state, fields, facts):
    """Checks and status: answers, status epochs, restart."""
    if state == "GREETING":
        return Outcome(state, ["nothing"])
    if fields["boot_id"] != facts.boot_id:
        return Outcome(CLOSED, ["restarted"], closes="NO_ERROR")
    takes = []
    if "seq" in fields and fields["seq"] == facts.asked:
        takes.append("answer")
    if fields["epoch"] > facts.epoch:
        takes.append("status")
    if facts.beats > 0 and fields.get("beat", 0) > facts.newest:
        takes.append("beat")
    return Outcome(state, takes or ["nothing"])


def ack(state, fields, facts):
    if state == "TERMINATING":
        return Outcome(state)
    if not set(fields.get("extensions", [])) <= facts.extensions:
        raise Refusal("VALUE")
    if "beat_us" in fields and (1 not in fields.get("extensions", [])
                                or fields["beat_us"] != facts.beats):
        raise Refusal("VALUE")
    return Outcome("ACTIVE")


def config_ack(state, fields, facts):
    if facts.open == 0 or fields["id"] != facts.open:
        raise Refusal("UNEXPECTED")
    if fields.get("beat_us", facts.beats) != facts.beats:
        raise Refusal("VALUE")
    return Outcome(state)


def config_update(state, fields, facts):
    if facts.open:
        raise Refusal("EXCESSIVE")
    if fields["id"] <= facts.newest:
        raise Refusal("VALUE")
    return Outcome(state, sends=["CONFIG_ACK"])


def health_request(state, fields, facts):
    return Outcome(state, sends=["HEALTH_RESPONSE"])


def error(state, fields, facts):
    return Outcome(CLOSED, closes="NO_ERROR")


def hello(state, fields, facts):
    return Outcome("CHECKING")


def terminate_at_lb(state, fields, facts):
    return Outcome("LEAVING") if state == "ACTIVE" else Outcome(state, sends=["TERMINATE_ACK"])


def terminate_at_server(state, fields, facts):
    if "terminate" not in facts.scopes:
        raise Refusal("TOKEN_SCOPE")
    return Outcome(CLOSED, sends=["TERMINATE_ACK"], closes="NO_ERROR")


def terminate_ack(state, fields, facts):
    return Outcome(CLOSED, closes="NO_ERROR")


WATCHING = {"ACTIVE", "LEAVING", "LEFT", "TERMINATING"}
SERVING = {"ACTIVE", "TERMINATING"}

# For each side and type: what is done, and in which states; in any other it is UNEXPECTED.
ROWS = {
    "lb": {wire.ACK: (ack, {"GREETING", "TERMINATING"}),
           wire.HEALTH_RESPONSE: (health_response, WATCHING | {"GREETING"}),
           wire.CONFIG_ACK: (config_ack, WATCHING),
           wire.ERROR: (error, WATCHING | {"GREETING"}),
           wire.TERMINATE: (terminate_at_lb, {"ACTIVE", "TERMINATING"}),
           wire.TERMINATE_ACK: (terminate_ack, {"TERMINATING"})},
    "server": {wire.HELLO: (hello, {"WAITING"}),
               wire.HEALTH_REQUEST: (health_request, SERVING),
               wire.CONFIG_UPDATE: (config_update, SERVING),
               wire.ERROR: (error, SERVING | {"WAITING", "CHECKING"}),
               wire.TERMINATE: (terminate_at_server, SERVING),
               wire.TERMINATE_ACK: (terminate_ack, {"TERMINATING"})},
}


def judge(side, state, data, datagram, facts):
    message = wire.decode(data)
    if message.type not in wire.MESSAGES:
        return Outcome(state)
    if datagram and message.type not in IN_DATAGRAMS:
        raise Refusal("DATAGRAM")
    action, states = ROWS[side].get(message.type, (None, ()))
    if state not in states:
        raise Refusal("UNEXPECTED")
    return action(state, message.fields, facts)


def receive(side, state, data, datagram, facts):
    if state == CLOSED:
        return Outcome(CLOSED)
    try:
        return judge(side, state, data, datagram, facts)
    except (Refusal, wire.WireError) as refusal:
        return Outcome(CLOSED, sends=["ERROR"], closes=str(refusal))
