#!/usr/bin/env python3
"""The C wire format against the second implementation (qhcp_wire.py), both ways.

    test_wire.py WIRE_PEER VECTOR_FILE...

The seed is $SEED, else the time; it is printed, and the same seed gives the same run.
"""

import os
import pathlib
import random
import re
import subprocess
import sys
import time

import qhcp_wire as wire

MESSAGES = 2000  # each way
MUTANTS = 6000


class Failure(Exception):
    pass


def expect(what, got, want):
    if got != want:
        raise Failure(f"{what}\n  got:  {got}\n  want: {want}")


def judge(data):
    """What qhcp_wire.py says of a frame, as wire-peer prints it."""
    try:
        message = wire.decode(data)
    except wire.WireError as error:
        return [f"error: {error.name}"]
    lines = [f"field: {line}" for line in wire.dump(message)]
    if message.type not in wire.MESSAGES:
        return lines + ["again: VALUE"]
    return lines + [f"again: {wire.encode(message).hex()}"]


def blocks(text):
    block = []
    for line in text.split("\n"):
        if line == ".":
            yield block
            block = []
        elif line:
            block.append(line)
    if block:
        raise Failure(f"wire-peer stopped in the midst of a block: {block}")


def peer(program, *args, stdin=""):
    done = subprocess.run([program, *args], input=stdin, capture_output=True, text=True, timeout=300,
                          encoding="utf-8")
    expect(f"wire-peer {' '.join(args)}: exit status", (done.returncode, done.stderr), (0, ""))
    return list(blocks(done.stdout))


def compare(program, frames):
    answers = peer(program, "decode", stdin="".join(f.hex() + "\n" for f in frames))
    expect("answers", len(answers), len(frames))
    for data, answer in zip(frames, answers):
        expect(f"frame {data.hex()}", answer, judge(data))


def read_vectors(paths):
    for path in paths:
        for block in pathlib.Path(path).read_text(encoding="utf-8").split("\n\n"):
            lines = [tuple((line + " ").split(": ", 1)) for line in block.split("\n")
                     if line and not line.startswith("#")]
            if lines:
                yield [(name, value.rstrip(" ") if name != "field" else value[:-1])
                       for name, value in lines]


def vectors(program, rng, paths):
    """qhcp_wire.py agrees with every vector"""
    count = 0
    for lines in read_vectors(paths):
        one = dict(lines)
        data = bytes.fromhex(one["frame"])
        if "error" in one:
            want = [f"error: {one['error']}"]
        else:
            again = one.get("again", one["frame"])
            want = [f"field: {value}" for name, value in lines if name == "field"]
            want.append(f"again: {again if again != '-' else 'VALUE'}")
        expect(one["vector"], judge(data), want)
        count += 1
    if count < 500:
        raise Failure(f"only {count} vectors were read")


def to_c(program, rng, paths):
    """random messages of qhcp_wire.py decode in C to the same fields and encode to the same bytes"""
    compare(program, [wire.encode(wire.random_message(rng)) for _ in range(MESSAGES)])


def from_c(program, rng, paths):
    """random messages of the C encoder decode in qhcp_wire.py to the same fields and bytes"""
    answers = peer(program, "generate", str(rng.getrandbits(32)), str(MESSAGES))
    expect("messages", len(answers), MESSAGES)
    seen = set()
    for answer in answers:
        data = bytes.fromhex(answer[0].removeprefix("frame: "))
        expect(f"frame {data.hex()}", judge(data), answer[1:] + [f"again: {data.hex()}"])
        seen.add(data[0])
    expect("types seen", sorted(seen), sorted(wire.MESSAGES))


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        what = rng.randrange(5)
        if what == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1:
            data[at] = rng.choice((0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff))
        elif what == 2:
            data.insert(at, rng.randrange(256))
        elif what == 3 and len(data) > 1:
            del data[at]
        else:
            piece = data[at:at + rng.randint(1, 12)]
            data[at:at] = piece
    return bytes(data)


def reframe(data):
    """The length made right again, so that what was changed inside is looked at."""
    return data[:1] + wire.varint(len(data) - 3) + data[3:] if len(data) > 66 else data


def mutants(program, rng, paths):
    """frames damaged at random give the same fields, or the same error, in both"""
    frames = []
    while len(frames) < MUTANTS:
        data = wire.encode(wire.random_message(rng))
        if len(data) > 2000:
            continue
        data = mutate(rng, data)
        frames.append(reframe(data) if rng.random() < 0.5 else data)
    said = {judge(data)[0].split(" = ")[0] for data in frames}
    missing = {f"error: {name}" for name in
               ("VARINT", "TRUNCATED", "KEY_ORDER", "KEY_DUPLICATE", "KEY_MISSING", "VALUE", "UTF8",
                "LEFT_OVER", "TOO_LARGE")} - said
    if missing:
        raise Failure(f"never met: {sorted(missing)}")
    compare(program, frames)


def read_exchange():
    """The blocks of docs/protocol.md: the message's name, its bytes, its fields."""
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text("utf-8")
    for block in re.findall(r"^```frame\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        lines = [line.partition("  ; ") for line in block.splitlines()]
        notes = [note for _, _, note in lines if note]
        yield notes[0], bytes.fromhex("".join(data for data, _, _ in lines)), notes[1:]


def exchange(program, rng, paths):
    """the worked exchange of docs/protocol.md says of its bytes what both decoders say"""
    blocks = list(read_exchange())
    for title, data, fields in blocks:
        name, size = title.split(", ")
        want = [f"field: {field}" for field in fields] + [f"again: {data.hex()}"]
        expect(f"{title}: qhcp_wire.py", judge(data), want)
        expect(f"{title}: name", wire.type_name(wire.decode(data).type), name)
        header = 1 + len(wire.varint(int(size.split()[0])))
        expect(f"{title}: size", f"{len(data) - header} bytes", size)
    compare(program, [data for _, data, _ in blocks])
    expect("messages shown", {title.split(",")[0] for title, _, _ in blocks},
           {name for name, _, _ in wire.MESSAGES.values()})


def main():
    program, paths = sys.argv[1], sys.argv[2:]
    seed = int(os.environ.get("SEED", time.time_ns() % 2**32))
    tests = [vectors, to_c, from_c, mutants, exchange]
    failed = 0
    print(f"TAP version 13\n1..{len(tests)}\n# SEED={seed}")
    for i, test in enumerate(tests, 1):
        try:
            test(program, random.Random(f"{seed} {i}"), paths)
            print(f"ok {i} - {test.__doc__}")
        except (Failure, subprocess.TimeoutExpired) as failure:
            failed += 1
            print(f"not ok {i} - {test.__doc__}")
            print("\n".join("# " + line for line in str(failure).split("\n")))
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
