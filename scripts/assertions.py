#!/usr/bin/env python3
"""Which functions of ngtcp2 can stop the process, and does the decision name each of them?

    assertions.py SOURCE [DECISION]

SOURCE: ngtcp2's source tree (apt-get source ngtcp2).  Every assert, abort and ngtcp2_unreachable of
lib/, crypto/shared.c and crypto/gnutls/ must be covered by a name in backticks in DECISION: a file of
C, a function, or the beginning of functions' names with * at the end.  Prints what is not covered, and
how many there are of each.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DECISION = ROOT / "docs/decisions/0021-library-assertions.md"
STOPS = re.compile(r"\b(assert|abort|ngtcp2_unreachable)\s*\(")


def find_stops(path):
    """The name of the function around each assertion, in order."""
    signature, function = "", "?"
    for line in path.read_text(encoding="utf-8").split("\n"):
        if re.match(r"[A-Za-z_].*[^;]$", line):
            signature = line
        elif re.match(r"\s", line) and signature and "{" not in signature:
            signature += line
        if line.rstrip().endswith("{") and (names := re.findall(r"(\w+)\s*\(", signature)):
            function = names[0]
        if STOPS.search(line):
            yield function
        if line.startswith("}"):
            signature = ""


def is_covered(file, function, names):
    return any(name in (file, function) or (name.endswith("*") and function.startswith(name[:-1]))
        for name in names)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    decision = Path(sys.argv[2]) if len(sys.argv) == 3 else DECISION
    names = set(re.findall(r"`([\w.*]+)`", decision.read_text(encoding="utf-8")))
    paths = [*sorted((source / "lib").glob("*.c")), source / "crypto/shared.c", *(source / "crypto/gnutls").glob("*.c")]
    stops = [(path.name, function) for path in paths for function in find_stops(path)]
    missing = sorted({stop for stop in stops if not is_covered(*stop, names)})
    for file, function in missing:
        print(f"{file}: {function}: {stops.count((file, function))}")
    print(f"{len(stops)} in {len(set(stops))} functions of {len({file for file, _ in stops})} files; "
          f"{len(missing)} functions are not in {decision.name}")
    sys.exit(1 if missing or not stops else 0)


if __name__ == "__main__":
    main()
