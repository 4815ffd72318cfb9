"""What objects call and libraries export, read with nm from the build directory ($BUILD_DIR).

wire, session, health and balance are pure: what they call, directly or by way of another object
of the core, is in ALLOWED: no clock, no socket, no log, no exit, no heap."""

import os
import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
OBJECTS = BUILD / "src" / "libqhcp-objects.a.p"

PURE = ["wire", "session", "health", "balance"]
ALLOWED = {
    "memcpy", "memmove", "memset", "memcmp", "memchr", "strlen", "strnlen", "strcmp", "strncmp",
    "snprintf", "vsnprintf",
    "log", "log1p",  # logarithms (libm)
    "__assert_fail",  # programmer errors only
    # what the compiler and _FORTIFY_SOURCE make of the above
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__snprintf_chk", "__vsnprintf_chk",
    "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
}
SANITIZERS = re.compile(r"^__(asan|ubsan|sanitizer|sancov)_")


def nm(path, *options):
    """[(member, kind, name)] of an object, archive or library."""
    shown = subprocess.run(["nm", *options, str(path)], capture_output=True, text=True, check=True)
    found, member = [], path.name
    for line in shown.stdout.split("\n"):
        if line.endswith(":"):
            member = line[:-1]
        row = re.match(r"^[0-9a-f ]{16} (\w) (\S+)$", line)
        if row:
            found.append((member, row.group(1), row.group(2)))
    return found


def core_symbols(objects):
    """({symbol: object that defines it}, {object: [undefined symbols]}) of the core."""
    defined, wanted = {}, {}
    for path in sorted(objects.glob("*.o")):
        wanted[path.name] = []
        for _, kind, name in nm(path):
            if kind == "U":
                wanted[path.name].append(name)
            elif kind in "TDBRVW":
                defined[name] = path.name
    return defined, wanted


def impurities(start, defined, wanted):
    """What is reached from one object and not allowed, each with the way there."""
    found, todo, seen = [], [(start, start)], {start}
    while todo:
        name, way = todo.pop()
        for symbol in wanted[name]:
            target = defined.get(symbol)
            if target is None:
                if symbol not in ALLOWED and not SANITIZERS.match(symbol):
                    found.append(f"{way} -> {symbol}")
            elif target not in seen:
                seen.add(target)
                todo.append((target, f"{way} -> {target}"))
    return sorted(found)


def public_functions():
    """The functions that the public headers declare."""
    names = set()
    for path in (ROOT / "include" / "qhcp").glob("*.h"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"^\s*#.*?(?<!\\)$", "", text, flags=re.MULTILINE | re.DOTALL)
        names |= set(re.findall(r"^[\w][\w \*]*?\b(qhcp_\w+)\(", text, flags=re.MULTILINE))
    return names


class Symbols(unittest.TestCase):
    def test_wire_session_health_and_balance_call_no_clock_socket_log_exit_or_heap(self):
        defined, wanted = core_symbols(OBJECTS)
        looked_at = [name for name in wanted if name.split("_")[0] in PURE]
        for layer in PURE:
            self.assertTrue([n for n in looked_at if n.startswith(layer + "_")], layer)
        found = [i for name in looked_at for i in impurities(name, defined, wanted)]
        self.assertEqual(found, [])

    def test_a_call_of_malloc_two_objects_away_is_found(self):
        defined = {"base_new": "base.o"}
        wanted = {"wire.o": ["base_new", "memcpy"], "base.o": ["malloc", "__asan_report_load8"]}
        self.assertEqual(impurities("wire.o", defined, wanted), ["wire.o -> base.o -> malloc"])

    def test_the_shared_library_exports_the_public_functions_and_nothing_else(self):
        exported = {name for _, kind, name in nm(BUILD / "libqhcp.so", "-D", "--defined-only")}
        self.assertEqual(exported, public_functions())

    def test_the_static_library_is_one_object_with_all_else_local(self):
        symbols = nm(BUILD / "libqhcp.a", "--defined-only", "--extern-only")
        ours = {n for _, _, n in symbols if not SANITIZERS.match(n) and n != "DW.ref.__gcc_personality_v0"}
        self.assertEqual({member for member, _, _ in symbols}, {"qhcp.o"})
        self.assertEqual(ours, public_functions())
