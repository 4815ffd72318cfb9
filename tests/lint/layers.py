"""The walls between the folders of src: who may include whom.

A folder may always include itself, base, and the public list of errors and types; what else, its
row says.  docs/architecture.md shows the same rows to people, and a test compares the two."""

import re
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

ANY = {"base", "qhcp/error.h", "qhcp/types.h"}
CORES = {"lb", "server"}  # whose public headers are qhcp/lb.h and qhcp/server.h

# folder: the folders that it may include besides itself and ANY
MAY = {
    "base": set(),
    "wire": set(),
    "session": {"wire"},
    "health": set(),
    "fleet": set(),
    "balance": {"fleet"},
    "auth": set(),
    "state": {"auth"},
    "metrics": {"wire"},
    "quic": set(),
    "server": {"quic", "session", "auth", "state", "metrics", "wire"},
    "lb": {"quic", "session", "auth", "state", "health", "fleet", "wire"},
    "check": set(),
    "proxy": {"fleet", "balance"},
    "loop": {"server", "lb"},
    "conf": set(),
    "sources": {"check", "conf", "fleet", "loop"},
    "convert": {"fleet", "sources"},
    "sinks": {"check", "conf", "fleet", "loop", "state"},
    "status": {"fleet", "lb", "proxy", "wire"},
    "history": {"fleet", "loop"},
    "admin": {"auth", "conf", "fleet", "history", "lb", "loop", "metrics", "server", "sinks", "state", "wire"},
    "expose": {"loop", "server", "state", "wire"},
}
MAY["daemon"] = set(MAY) - {"base"}
MAY["cli"] = set(MAY) - {"base"}

# what calls no clock, socket, log, exit or heap (symbols.py), and so nothing of base/os
PURE = {"wire", "session", "health", "balance"}

# libraries that only these folders may know
FOREIGN = {
    r"ngtcp2/": {"quic"},
    r"nettle/": {"quic"},
    r"cjose/": {"auth"},
    r"curl/": {"check", "cli", "sinks"},
    r"(ev|ares)\.h$": {"loop"},
    r"yaml\.h": {"conf"},
    r"argp\.h": {"conf", "cli"},
    r"sqlite3\.h": {"history"},
    r"urcu": {"proxy"},
    r"systemd/": {"check", "daemon"},
    r"microhttpd": {"admin"},
    r"(curses|term)\.h": {"cli"},
    r"nghttp2/": {"expose"},
}

# names of files that several folders have, because the files mirror each other: each is that thing
# on another layer (a command of cli is named as its word)
MIRRORS = {"check", "config", "conn", "events", "internal", "keys", "lb", "listen", "message", "metrics",
           "revoked", "server", "status", "ticket", "why"}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[>"]', re.MULTILINE)


# "| `src/NAME/` | what is in it | who |"; who: "nothing", "all", "all but NAME", or names
ROW = re.compile(r"^\| `src/(\w+)/` \|.*\| ([^|]+) \|$", re.MULTILINE)


def shown(text):
    """MAY, as a page shows it."""
    rows = dict(ROW.findall(text))
    may = {}
    for folder, who in rows.items():
        if who.startswith("all"):
            may[folder] = set(rows) - {folder, "base"} - set(who.split()[2:])
        else:
            may[folder] = set(who.split(", ")) - {"nothing"}
    return may


def allowed(folder, header):
    may = ANY | MAY[folder] | {f"qhcp/{core}.h" for core in CORES & (MAY[folder] | {folder})}
    if header.startswith("qhcp/"):
        return header in may
    if header.startswith("base/os/") and folder in PURE:
        return False
    target = header.split("/")[0]
    return target == folder or target in may


def violations(src, public):
    """Every include that crosses a wall, as "folder/file: header"."""
    found = []
    for path in sorted(src.glob("*/**/*.[ch]")):
        folder = path.relative_to(src).parts[0]
        where = str(path.relative_to(src))
        if folder not in MAY:
            found.append(f"{where}: the folder {folder} has no row in the table")
            continue
        for quote, header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            ours = quote == '"' or header.startswith("qhcp/")
            if ours and not allowed(folder, header):
                found.append(f"{where}: {header}")
            for library, users in FOREIGN.items():
                if quote == "<" and re.match(library, header) and folder not in users:
                    found.append(f"{where}: <{header}>")
    for path in sorted(public.glob("*.h")):
        for quote, header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            if quote == '"' or re.match(r"(ngtcp2|gnutls|nettle|cjose|jansson|ev\.h)", header):
                found.append(f"include/qhcp/{path.name}: {header}")
    return found


class Layers(unittest.TestCase):
    def test_no_folder_includes_what_its_row_does_not_allow(self):
        self.assertEqual(violations(ROOT / "src", ROOT / "include" / "qhcp"), [])

    def test_every_folder_of_the_table_that_exists_was_looked_at(self):
        seen = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
        self.assertLessEqual(seen, set(MAY))
        self.assertIn("wire", seen)

    def test_a_file_s_name_is_that_of_one_thing(self):
        folders = {}
        for path in (ROOT / "src").glob("*/**/*.[ch]"):
            folders.setdefault(path.stem, set()).add(path.parent)
        several = {name for name, where in folders.items() if len(where) > 1}
        self.assertEqual(several - MIRRORS, set(), "another name for one of them")
        self.assertEqual(MIRRORS - several, set(), "out of MIRRORS")

    def test_the_page_for_people_has_the_same_rows(self):
        self.assertEqual(shown((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")), MAY)

    def test_a_row_that_a_page_lacks_or_has_otherwise_is_seen(self):
        page = "| `src/base/` | a | nothing |\n| `src/wire/` | b | nothing |\n"
        more = page + "| `src/cli/` | c | all |\n| `src/daemon/` | d | all but cli |\n"
        self.assertEqual(shown(page), {"base": set(), "wire": set()})
        self.assertEqual(shown(more)["cli"], {"wire", "daemon"})
        self.assertEqual(shown(more)["daemon"], {"wire"})
        self.assertEqual(shown("| `src/quic/` | e | wire, base |\n"), {"quic": {"wire", "base"}})

    def check(self, folder, line):
        with tempfile.TemporaryDirectory() as name:
            src = Path(name) / "src"
            (src / folder).mkdir(parents=True)
            (src / folder / "x.c").write_text(f"/* {line} */\n{line}\n", encoding="utf-8")
            return violations(src, Path(name) / "none")

    def test_a_wall_that_is_crossed_is_found_and_named(self):
        self.assertEqual(self.check("wire", '#include "session/session.h"'),
                         ["wire/x.c: session/session.h"])
        self.assertEqual(self.check("health", '# include "wire/wire.h"'),
                         ["health/x.c: wire/wire.h"])
        self.assertEqual(self.check("loop", '#include "quic/quic.h"'), ["loop/x.c: quic/quic.h"])
        self.assertEqual(self.check("quic", "#include <qhcp/lb.h>"), ["quic/x.c: qhcp/lb.h"])
        self.assertEqual(self.check("lb", "#include <ngtcp2/ngtcp2.h>"),
                         ["lb/x.c: <ngtcp2/ngtcp2.h>"])
        self.assertEqual(self.check("health", '#include "base/os/log.h"'),
                         ["health/x.c: base/os/log.h"])
        self.assertEqual(self.check("daemon", '#include "cli/cli.h"'), ["daemon/x.c: cli/cli.h"])
        self.assertEqual(len(self.check("odd", "#include <stdio.h>")), 1)

    def test_what_a_row_allows_is_not_found(self):
        self.assertEqual(self.check("session", '#include "wire/wire.h"'), [])
        self.assertEqual(self.check("wire", '#include "base/slice.h"'), [])
        self.assertEqual(self.check("wire", "#include <qhcp/error.h>"), [])
        self.assertEqual(self.check("auth", '#include "base/os/log.h"'), [])
        self.assertEqual(self.check("lb", "#include <qhcp/lb.h>"), [])
        self.assertEqual(self.check("quic", "#include <ngtcp2/ngtcp2.h>"), [])
