"""The walls between the folders of src: who may include whom.

The table is docs/architecture.md's.  A folder may always include itself, base, and the public list
of errors and types; what else, its row says."""

import re
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

ANY = {"base", "qhcp/error.h", "qhcp/types.h"}
CORES = {"qhcp/lb.h", "qhcp/server.h"}

# folder: what it may include besides itself and ANY; a folder's name, or one header
MAY = {
    "base": set(),
    "wire": set(),
    "session": {"wire"},
    "health": set(),
    "fleet": set(),
    "balance": {"fleet"},
    "auth": set(),
    "state": {"auth"},
    "metrics": {"wire/message.h", "wire/registry.h"},
    "check": set(),
    "quic": set(),
    "server": {"quic", "session", "auth", "state", "metrics", "check", "wire"} | CORES,
    "lb": {"quic", "session", "auth", "state", "health", "fleet", "balance", "check", "wire"} | CORES,
    "proxy": {"fleet", "balance"},
    "loop": {"server", "lb"} | CORES,
    "cli": {"wire", "session", "health", "fleet", "balance", "auth", "state", "metrics", "check",
            "quic", "server", "lb", "loop", "proxy"} | CORES,
}

# libraries that only these folders may know
FOREIGN = {
    r"ngtcp2/": {"quic"},
    r"cjose/": {"auth"},
    r"curl/": {"check"},
    r"ev\.h$": {"loop", "cli"},
    r"(ares\.h|cyaml/|argp\.h)": {"loop", "cli"},
    r"urcu": {"proxy"},
    r"systemd/": {"check", "loop", "cli"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[>"]', re.MULTILINE)


def allowed(folder, header):
    if header.startswith("qhcp/"):
        return header in ANY | MAY[folder]
    target = header.split("/")[0]
    return target == folder or target in ANY | MAY[folder] or header in MAY[folder]


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
            if quote == '"' or re.match(r"(ngtcp2|gnutls|cjose|jansson|ev\.h)", header):
                found.append(f"include/qhcp/{path.name}: {header}")
    return found


class Layers(unittest.TestCase):
    def test_no_folder_includes_what_its_row_does_not_allow(self):
        self.assertEqual(violations(ROOT / "src", ROOT / "include" / "qhcp"), [])

    def test_every_folder_of_the_table_that_exists_was_looked_at(self):
        seen = {p.name for p in (ROOT / "src").iterdir() if p.is_dir()}
        self.assertLessEqual(seen, set(MAY))
        self.assertIn("wire", seen)

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
        self.assertEqual(len(self.check("odd", "#include <stdio.h>")), 1)

    def test_what_a_row_allows_is_not_found(self):
        self.assertEqual(self.check("session", '#include "wire/wire.h"'), [])
        self.assertEqual(self.check("wire", '#include "base/slice.h"'), [])
        self.assertEqual(self.check("wire", "#include <qhcp/error.h>"), [])
        self.assertEqual(self.check("quic", "#include <ngtcp2/ngtcp2.h>"), [])
