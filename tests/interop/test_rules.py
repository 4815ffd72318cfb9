#!/usr/bin/env python3
"""The second implementation's sessions and tokens (qhcp_session.py, qhcp_token.py) against the vectors
that our own machines and verifier run.

    test_rules.py VECTORS-FOLDER
"""

import json
import pathlib
import sys

FOLDER = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(FOLDER))

import qhcp_session as session  # noqa: E402 (the folder of signing.py comes first)
import qhcp_token  # noqa: E402


class Failure(Exception):
    pass


def vectors(name):
    for block in (FOLDER / name).read_text(encoding="utf-8").split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if lines:
            yield {key: value.removeprefix(" ") for key, _, value in (x.partition(":") for x in lines)}


def facts(text):
    known = session.Facts()
    for word in text.split():
        name, _, value = word.partition("=")
        setattr(known, name, frozenset(value.split(",")) if name == "scopes" else int(value))
    return known


def judged(one):
    out = session.receive(one["side"], one["state"], bytes.fromhex(one["frame"]),
                          one["channel"] == "datagram", facts(one.get("with", "")))
    return {"takes": " ".join(out.takes), "sends": " ".join(out.sends) or "-",
            "closes": out.closes or "", "next": out.next}


def sessions():
    """qhcp_session.py does with every frame what sessions.txt says"""
    for one in vectors("sessions.txt"):
        yield one["vector"], judged(one), {name: one.get(name, "") for name in
                                           ("takes", "sends", "closes", "next")}


def verified(keys, one):
    demand = qhcp_token.Demand(one["names"].split(), bytes.fromhex(one["binding"]), int(one["now"]),
                               int(one["leeway"]))
    try:
        grant = qhcp_token.verify(keys, one["token"], demand)
    except qhcp_token.Refused as refused:
        return str(refused)
    return f"{' '.join(grant.scopes)} until {grant.until}"


def tokens():
    """qhcp_token.py says of every token what tokens.txt says"""
    keys = json.loads((FOLDER / "token_keys.json").read_text(encoding="utf-8"))["keys"]
    for one in vectors("tokens.txt"):
        want = one.get("error") or f"{one['grants']} until {one['until']}"
        yield one["vector"], verified(keys, one), want


def run(test, least):
    count = 0
    for name, got, want in test():
        count += 1
        if got != want:
            raise Failure(f"{name}\n  got:  {got}\n  want: {want}")
    if count < least:
        raise Failure(f"only {count} vectors were read")


def main():
    failed = 0
    print("TAP version 13\n1..2")
    for i, (test, least) in enumerate(((sessions, 150), (tokens, 90)), 1):
        try:
            run(test, least)
            print(f"ok {i} - {test.__doc__}")
        except Failure as failure:
            failed += 1
            print(f"not ok {i} - {test.__doc__}")
            print("\n".join("# " + line for line in str(failure).split("\n")))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
