"""What a check, a push and a handshake cost, in instructions: callgrind counts them, and other load on the machine changes
nothing.  limits.txt says how many there may be.

Counted is what happens inside one side's public functions (qhcp_lb_*, qhcp_server_*) with four servers in memory: no system
call, no event loop."""

import collections
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
PHASES = ("check", "push", "handshake", "listening")
SIDES = {"lb": ("receive", "send", "expire", "deadline"), "server": ("receive", "send", "expire", "deadline", "set_status")}
SLACK = 1.03  # other addresses, other random numbers
LOW = 0.90  # below this part of its limit the limit is to be lowered


def collect(side, folder):
    """Starts work under callgrind, which counts one side."""
    counted = [f"--toggle-collect=qhcp_{side}_{name}" for name in SIDES[side]]
    return subprocess.Popen(
        ["valgrind", "--tool=callgrind", "--instr-atstart=no", *counted, f"--callgrind-out-file={folder}/{side}",
         os.environ["COST_WORK"]],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def by_object(path):
    """Instructions of one dump, by the object file that has them (callgrind's format: valgrind's manual, chapter 6)."""
    counts, names, current, inclusive = collections.Counter(), {}, "", False
    for line in path.read_text(errors="replace").splitlines():
        found = re.match(r"(c?ob)=\((\d+)\)(?: (.*))?$", line)
        if found:
            names.setdefault(found[2], found[3])
            if found[1] == "ob":
                current = Path(names[found[2]]).name
        elif line.startswith("calls="):
            inclusive = True  # the next line is what the call costs, which is counted where it happens
        elif re.match(r"[\d+*-]", line):
            fields = line.split()
            if not inclusive and len(fields) > 1:
                counts[current] += int(fields[1])
            inclusive = False
    return counts


def trigger(path):
    found = re.search(r"^desc: Trigger: Client Request: (\w+)$", path.read_text(errors="replace"), re.M)
    return found[1] if found else ""


def measure():
    """{(side, phase): {object: instructions of one}}"""
    costs = {}
    with tempfile.TemporaryDirectory() as folder:
        running = {side: collect(side, folder) for side in SIDES}
        for side, process in running.items():
            out, err = process.communicate(timeout=100)
            if process.returncode != 0:
                raise AssertionError(f"{side}: {err}{out}")
            times = {phase: int(n) for phase, n in (line.split() for line in out.splitlines())}
            for path in Path(folder).glob(f"{side}.*"):
                phase = trigger(path)
                if phase in times:
                    costs[side, phase] = {name: n / times[phase] for name, n in by_object(path).items() if n > 0}
    return costs


def split(cost):
    """Ours, and all libraries'."""
    ours = cost[Path(os.environ["COST_WORK"]).name]
    return round(ours), round(sum(cost.values()) - ours)


def limits():
    rows = [line.split() for line in (HERE / "limits.txt").read_text().splitlines() if line and line[0] != "#"]
    return {(side, phase): (int(ours), int(libraries)) for side, phase, ours, libraries in rows if side in SIDES}


def recorded_libraries():
    """Were limits.txt's figures of libraries taken with the libraries of this machine?"""
    found = re.search(r"^# libraries: (.*)$", (HERE / "limits.txt").read_text(), re.M)
    return found and found[1] == os.environ["COST_LIBRARIES"]


class Cost(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.costs = measure()

    def show(self):
        for side in SIDES:
            for phase in PHASES:
                ours, libraries = split(self.costs[side, phase])
                parts = sorted(self.costs[side, phase].items(), key=lambda part: -part[1])[:5]
                detail = ", ".join(f"{name.split('.so')[0]} {n:,.0f}" for name, n in parts)
                print(f"{side:6} {phase:9} ours {ours:9,}  libraries {libraries:10,}   {detail}")

    def test_one_check_one_push_and_one_handshake_stay_within_their_limits(self):
        self.show()
        for (side, phase), (most_ours, most_libraries) in limits().items():
            ours, libraries = split(self.costs[side, phase])
            with self.subTest(side=side, phase=phase):
                self.assertLessEqual(ours, most_ours * SLACK, f"{side} {phase}: our instructions, limits.txt")
                if recorded_libraries():
                    self.assertLessEqual(libraries, most_libraries * SLACK, f"{side} {phase}: the libraries', limits.txt")
                if ours < most_ours * LOW:
                    print(f"{side} {phase}: {ours} of at most {most_ours}: lower it in tests/cost/limits.txt")

    def test_nothing_is_counted_twice_and_nothing_is_missing(self):
        for side in SIDES:
            with self.subTest(side=side):
                self.assertEqual({phase for s, phase in self.costs if s == side}, set(PHASES))
                for phase in PHASES:
                    self.assertGreater(split(self.costs[side, phase])[0], 1000)


if __name__ == "__main__":
    unittest.main()
