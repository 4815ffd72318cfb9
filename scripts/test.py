#!/usr/bin/env python3
"""Builds QHCP in each of its ways, runs every test, counts every test case.

    test.py [--fuzz-seconds N] [--fuzz-only] [NAME ...]

Four builds, each in its own directory beside the source:

    build        gcc as shipped: unit, simulation, end-to-end, lint
    build-asan   gcc with AddressSanitizer and UBSan: the same suite, without lint
    build-tsan   gcc with ThreadSanitizer: the tests of what has threads, the forwarder
    build-clang  clang -Werror with both sanitizers: each fuzzer for N seconds over its corpus

Builds and tests overlap: while one build's tests run, the next build is made, and two builds' tests
may run at once.  Tests that judge times (is_parallel: false) run last, one by one, with nothing
beside them; but those of one group (their second suite in meson.build) are shared out between the
CPUs: they wait most of their time, or judge no costs.

The tests print TAP and this counts its lines, so that N is cases, not binaries.  A binary that
crashes, runs over its time, prints no plan or fewer results than planned is a failed case of its
own.  A NAME runs only the tests whose suite/name contains it (`unit/wire`, `fuzz`, `up_down`).

A table of where the time went comes before the last line, which is
`N passed, N failed, N skipped`.  Exit status 0: none failed (and, where CI is set, none skipped),
1: some did, 2: usage."""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAIL = 40  # lines of a failure's output that are shown
CPUS = len(os.sched_getaffinity(0))
AT_ONCE = min(3 * CPUS, 24)  # test programs of one build: most of them wait most of their time
LONGEST = 6  # test programs that are named at the end
BUILDS_AT_ONCE = 2  # whose tests run at the same time
LANES = min(CPUS, 2)  # test programs of a group of those that judge times

RESULT = re.compile(r"(not ok|ok) (\d+)(?: - | )(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)")
SKIP = re.compile(r"(?:^|\s)# SKIP\b\s*(.*)$", re.IGNORECASE)


class Way:
    """One way to build and what is run there."""

    def __init__(self, name, directory, runs, options=(), cc=None, also=(), at_once=AT_ONCE):
        self.name = name
        self.dir = ROOT / directory
        self.runs = runs  # whether it runs the test suite/name
        self.options = list(options)
        self.cc = cc
        self.also = list(also)  # ninja targets that are built besides those of its tests
        self.at_once = at_once  # test programs
        self.log = self.dir / "test.log"
        self.seconds = {}  # what each phase and suite took
        self.cpu, self.lock = 0.0, threading.Lock()  # seconds, of all of them
        self.longest = []  # (seconds, suite/name)


THREADED = ("e2e/connections", "e2e/forward", "e2e/handover", "e2e/routes", "unit/daemon-restart-file",
            "unit/base-log", "unit/daemon-serve", "unit/daemon-wishes", "unit/fleet-readers", "unit/fleet-wish", "unit/loop-descriptors",
            "unit/loop-mailbox", "unit/proxy-places", "unit/proxy-planner", "unit/proxy-clients",
            "unit/proxy-table")
# What is instrumented is built sooner at -O1, with lines for a sanitizer's report and no more.  There gcc warns of
# what only -O2 sees is not so; the normal build, which is at -O2, has these warnings.
SOONER = ["-Doptimization=1", "-Dc_args=-g1"]
SOONER_GCC = [SOONER[0], f"{SOONER[1]} -Wno-maybe-uninitialized -Wno-format-truncation"]
SANITIZE = "-Db_sanitize=address,undefined"
WAYS = [
    Way("normal", "build", lambda test: not test.startswith("fuzz/"), also=["all"]),
    Way("asan", "build-asan", lambda test: not test.startswith(("fuzz/", "lint/")), [SANITIZE, *SOONER_GCC]),
    Way("tsan", "build-tsan", lambda test: test in THREADED, ["-Db_sanitize=thread", *SOONER_GCC]),
    Way("clang", "build-clang", lambda test: test.startswith("fuzz/"),
        [SANITIZE, *SOONER, "-Db_lundef=false", "-Dfuzz=true"], cc="clang", also=["shipped"],
        at_once=CPUS),  # fuzzers never wait
]


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = 0, [], []

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self):
        return f"{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped"


class Live:
    """One line that is overwritten, on a terminal; nothing elsewhere.  Of several things that go on
    at once it shows the one that spoke last."""

    def __init__(self):
        self.on = sys.stdout.isatty()
        self.lock = threading.Lock()
        self.shown = 0.0

    def update(self, title, text):
        with self.lock:
            if self.on and time.monotonic() - self.shown > 0.1:
                self.shown = time.monotonic()
                line = f"{title} {text}"[: os.get_terminal_size().columns - 1]
                print(f"\r\033[K{line}", end="", flush=True)

    def say(self, text):
        with self.lock:
            print(("\r\033[K" if self.on else "") + text, flush=True)


live = Live()
say = live.say


class Children:
    """What runs just now, so that an interrupt ends all of it."""

    def __init__(self):
        self.lock, self.running, self.ended = threading.Lock(), set(), False

    def add(self, child):
        with self.lock:
            self.running.add(child)

    def remove(self, child):
        with self.lock:
            self.running.discard(child)

    def end(self):
        with self.lock:
            self.ended = True
            for child in self.running:
                child.terminate()


children = Children()


def run_logged(way, title, command):
    """Runs a command, everything it says into the way's log and its last line onto the terminal."""
    with open(way.log, "a", encoding="utf-8", errors="replace") as out:
        out.write(f"$ {' '.join(map(str, command))}\n")
        child = subprocess.Popen(command, cwd=ROOT, env=way_env(way), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                 text=True, errors="replace")
        children.add(child)
        with child.stdout:
            for line in child.stdout:
                out.write(line)
                live.update(f"[{way.name}] {title}", line.strip())
        _, status, usage = os.wait4(child.pid, 0)
        children.remove(child)
        child.returncode = os.waitstatus_to_exitcode(status)
    with way.lock:
        way.cpu += usage.ru_utime + usage.ru_stime
    return child.returncode


def way_env(way):
    env = dict(os.environ)
    env["LC_ALL"] = "C.UTF-8"
    env["PYTHONUNBUFFERED"] = "1"
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["ASAN_OPTIONS"] = "abort_on_error=0:exitcode=99:detect_stack_use_after_return=1"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env["TSAN_OPTIONS"] = f"halt_on_error=1:exitcode=99:suppressions={ROOT / 'tests/tsan.supp'}"
    if way.cc:
        env["CC"] = way.cc
    return env


@contextlib.contextmanager
def clocked(way, phase):
    began = time.monotonic()
    yield
    way.seconds[phase] = way.seconds.get(phase, 0.0) + time.monotonic() - began


def is_stale(way):
    """A meson.build or fuzzer that came after the last configuration, so ninja cannot know it."""
    stamp = (way.dir / "build.ninja").stat().st_mtime
    files = [p for p in ROOT.glob("**/meson.build")
             if not p.relative_to(ROOT).parts[0].startswith("build")]
    files += [*ROOT.glob("fuzz/fuzz_*.c"), *ROOT.glob("meson_options.txt")]
    return any(p.stat().st_mtime > stamp for p in files)


def has_tests(way):
    """Whether the directory was configured when cmocka was not there yet (run_quic.sh build)."""
    options = {o["name"]: o["value"] for o in introspect(way, "buildoptions")}
    return options["tests"] == "enabled"


def configure(way):
    """Makes the build directory, or renews it where ninja would not; 0 or the status."""
    options = way.options + ["-Dtests=enabled"]
    if not (way.dir / "build.ninja").exists():
        return run_logged(way, "configuring", ["meson", "setup", str(way.dir)] + options)
    if not has_tests(way) or is_stale(way):
        command = ["meson", "setup", "--reconfigure", str(way.dir)] + options
        return run_logged(way, "configuring", command)
    return 0


def tail(text, lines=TAIL):
    kept = text.rstrip("\n").split("\n")
    cut = [f"... {len(kept) - lines} lines before"] if len(kept) > lines else []
    return "\n".join("    " + line for line in cut + kept[-lines:])


def build(way, names, tally):
    """Builds, which is a case too: that it compiles without a warning.  Returns the tests to run,
    None where the build failed, and does not build where NAMEs choose none."""
    way.dir.mkdir(exist_ok=True)
    way.log.unlink(missing_ok=True)
    with clocked(way, "configure"):
        status = configure(way)
    chosen = []
    if status == 0:
        chosen, targets = list_tests(way, names)
        if names and not chosen:
            return chosen
        with clocked(way, "build"):
            # gentle, since tests run beside it
            status = run_logged(way, "building", ["nice", "ninja", "-C", str(way.dir), *way.also, *targets])
    if status == 0:
        tally.passed += 1
        say(f"[{way.name}] built ({way.seconds['build']:.0f} s)")
        return chosen
    tally.failed.append(f"{way.name}: it compiles without warnings")
    say(f"FAILED: {way.name}: it compiles without warnings\n"
        f"{tail(way.log.read_text(errors='replace'))}\n    (all of it: {way.log})")
    return None


def introspect(way, what):
    """What `meson introspect` would say, from where it reads that."""
    return json.loads((way.dir / "meson-info" / f"intro-{what}.json").read_text(encoding="utf-8"))


class Test:
    def __init__(self, shown):
        self.suite, self.name = shown["suite"][0].split(":")[-1], shown["name"]
        self.label = f"{self.suite}/{self.name}"
        self.alone = not shown["is_parallel"]
        self.group = shown["suite"][1].split(":")[-1] if len(shown["suite"]) > 1 else ""
        self.priority = shown["priority"]  # about how many seconds it takes


def list_tests(way, names):
    """The tests to run here, and the ninja targets that they need.

    `ninja all` is not enough: since meson 1.7 it leaves out what only tests depend on."""
    chosen, ids = [], set()
    for shown in introspect(way, "tests"):
        test = Test(shown)
        if way.runs(test.label) and (not names or any(n in test.label for n in names)):
            chosen.append(test)
            ids.update(shown["depends"])
    files = [os.path.relpath(t["filename"][0], way.dir) for t in introspect(way, "targets")
             if t["id"] in ids]
    return chosen, sorted(files)


def read_tap(text, tally, label):
    """Counts the TAP lines of one test; returns its failures' names.

    cmocka writes `not ok 3 # SKIP name` for a skip, several plans for several groups, and its
    lines may follow a text without a newline."""
    planned, seen, failed = 0, 0, []
    for line in text.split("\n"):
        plan = PLAN.match(line)
        if plan:
            planned += int(plan.group(1))
            skip = SKIP.search(line)
            if skip and int(plan.group(1)) == 0:
                tally.skipped.append(f"{label}: {skip.group(1)}")
            continue
        result = None if line.startswith("#") else RESULT.search(line)
        if not result:
            continue
        seen += 1
        skip = SKIP.search(" " + result.group(3))
        if skip:
            name = result.group(3).split("# SKIP")[0].strip()
            tally.skipped.append(f"{label}: {name + ': ' if name else ''}{skip.group(1)}")
        elif result.group(1) == "ok":
            tally.passed += 1
        else:
            failed.append(f"{label}: {result.group(3)}")
    return planned, seen, failed


def judge(entry, label, tally):
    """One test's entry of meson's log into the tally; prints its failures."""
    stdout, stderr = entry.get("stdout", ""), entry.get("stderr", "")
    planned, seen, failed = read_tap(stdout, tally, label)
    status = entry.get("returncode", 1)
    if entry["result"] == "TIMEOUT":
        failed.append(f"{label}: ends within its time (it ran {entry['duration']:.0f} s)")
    elif status == 77 and seen == 0:
        tally.skipped.append(f"{label}: {stdout.strip().splitlines()[-1] if stdout.strip() else ''}")
    elif seen < planned:
        failed.append(f"{label}: runs all of its cases ({seen} of {planned}, exit status {status})")
    elif planned == 0 and status == 0 and "# SKIP" not in stdout:
        failed.append(f"{label}: prints a TAP plan")
    elif status != 0 and not failed:
        failed.append(f"{label}: ends with status 0 (it was {status})")
    if failed:
        tally.failed += failed
        say("".join(f"FAILED: {name}\n" for name in failed)
            + tail(stdout + ("\n--- stderr:\n" + stderr if stderr.strip() else "")))


def read_log(path):
    """The entries of meson's log of tests, by suite/name."""
    if not path.exists():
        return {}
    with open(path, encoding="utf-8", errors="replace") as lines:
        # "project:suite / name"; "name" where there is one suite alone
        return {re.sub(r"^(?:.*?:)?([^+ ]*).* / ", r"\1/", e["name"]): e for e in map(json.loads, lines)}


def run_tests(way, tests, at_once, logs="beside"):
    """Runs these tests, so many at once; returns their tally."""
    here = Tally()
    if not tests:
        return here
    began = time.monotonic()
    meson_log = way.dir / "meson-logs" / f"testlog-{logs}.json"
    meson_log.unlink(missing_ok=True)
    run_logged(way, "testing", ["meson", "test", "-C", str(way.dir), "--no-rebuild", "--logbase", f"testlog-{logs}",
                                "--num-processes", str(at_once), *sorted({t.name for t in tests})])
    if children.ended:
        return here
    entries = read_log(meson_log)
    for test in sorted(tests, key=lambda t: t.label):
        label = f"{way.name}: {test.label}"
        entry = entries.get(test.label) or entries.get(test.name)
        if entry:
            judge(entry, label, here)
            way.seconds[test.suite] = way.seconds.get(test.suite, 0.0) + entry["duration"]
            way.longest.append((entry["duration"], label))
        else:
            here.failed.append(f"{label}: was run")
            say(f"FAILED: {label}: was run\n{tail(way.log.read_text(errors='replace'))}")
    say(f"[{way.name}] {len(tests)} test programs: {here} ({time.monotonic() - began:.0f} s)")
    return here


def shares(tests, n):
    """Their n shares, of which each takes about as long as the next."""
    made = [[] for _ in range(n)]
    for test in sorted(tests, key=lambda t: -t.priority):
        min(made, key=lambda one: sum(t.priority + 1 for t in one)).append(test)
    return made


def run_alone(way, tests):
    """Those that judge times: group by group, and those of none one by one; returns their tally."""
    here = Tally()
    for group in sorted({t.group for t in tests}, reverse=True):
        mine = [t for t in tests if t.group == group]
        lanes = LANES if group and own_networks() else 1
        with ThreadPoolExecutor(lanes) as runner:
            try:
                for tally in runner.map(lambda i, share: run_tests(way, share, 1, f"alone-{group}{i}"),
                                        range(lanes), shares(mine, lanes)):
                    here.add(tally)
            except BaseException:  # an interrupt
                children.end()
                raise
    return here


def build_and_run(ways, names, tally):
    """Whether there was anything to build or run."""
    built = []
    with ThreadPoolExecutor(BUILDS_AT_ONCE) as runner:
        try:
            runs = []
            for way in ways:
                tests = build(way, names, tally)
                built.append((way, tests))
                beside = [t for t in tests or [] if not t.alone]
                runs.append(runner.submit(run_tests, way, beside, way.at_once if own_networks() else 1))
            for run in runs:
                tally.add(run.result())
        except BaseException:  # an interrupt
            runner.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise
    for way, tests in built:
        tally.add(run_alone(way, [t for t in tests or [] if t.alone]))
    return any(tests is None or tests for _, tests in built)


def own_networks():
    """Whether a test program gets a network namespace of its own; all have the same ports otherwise."""
    options = ["-n"] if os.geteuid() == 0 else ["-Urn"]
    return subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode == 0


def show_times(ways, seconds):
    """A table: what each phase and suite of each way took."""
    ways = [w for w in ways if w.cpu]
    columns = list(dict.fromkeys(name for w in ways for name in w.seconds))
    say(f"Where {seconds:.0f} s went: seconds of each phase, of each suite's programs (which overlap), "
        "and of the CPUs")
    say(f"{'':8}" + "".join(f"{name:>10}" for name in [*columns, "CPU"]))
    for way in ways:
        row = [way.seconds.get(name, 0) for name in columns] + [way.cpu]
        say(f"{way.name:8}" + "".join(f"{value:10.0f}" if value else f"{'-':>10}" for value in row))
    longest = sorted((x for w in ways for x in w.longest), reverse=True)[:LONGEST]
    say("The longest: " + ", ".join(f"{label} {took:.0f} s" for took, label in longest))


def main():
    parser = argparse.ArgumentParser(description="Builds and runs QHCP's tests.")
    parser.add_argument("--fuzz-seconds", type=int, default=2, help="for each fuzzer (default 2)")
    parser.add_argument("--fuzz-only", action="store_true", help="nothing but the fuzzers")
    parser.add_argument("names", nargs="*", help="run tests whose suite/name contains one of these")
    args = parser.parse_args()

    began = time.monotonic()
    os.environ["FUZZ_SECONDS"] = str(args.fuzz_seconds)
    ways = [w for w in WAYS if w.name == "clang"] if args.fuzz_only else WAYS
    tally = Tally()
    if not build_and_run(ways, args.names, tally):
        print(f"test: no test's suite/name contains {' or '.join(args.names)}", file=sys.stderr)
        return 2
    show_times(ways, time.monotonic() - began)
    for name in tally.skipped:
        print(f"SKIPPED: {name}")
    for name in tally.failed:
        print(f"FAILED: {name}")
    print(tally)
    return 1 if tally.failed or (tally.skipped and os.environ.get("CI")) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("")
        print("test: interrupted", file=sys.stderr)
        sys.exit(130)
