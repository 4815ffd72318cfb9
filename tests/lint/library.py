"""libqhcp as a stranger uses it: installed, found by pkg-config, linked both ways."""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))

# Defines names of QHCP's own inside, which must not collide.
PROGRAM = r"""
#include <qhcp/error.h>
#include <qhcp/lb.h>
#include <qhcp/server.h>
#include <stdio.h>

int cursor_init(void);
int cursor_init(void)
{
    return 7;
}

int main(void)
{
    char words[256];
    struct qhcp_lb *lb = NULL;
    struct qhcp_lb_config config = {0};

    printf("%s, %d\n", qhcp_strerror(QHCP_E_NOMEM), cursor_init());
    return qhcp_lb_new(&config, 0, &lb, words, sizeof words) == 0 ? 1 : 0;
}
"""


def run(*command, env=None):
    shown = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if shown.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {shown.returncode}\n{shown.stdout}{shown.stderr}")
    return shown.stdout


class Library(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        run("meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(self.dir / "root"))
        self.pc = next((self.dir / "root").glob("**/qhcp.pc"))
        self.source = self.dir / "program.c"
        self.source.write_text(PROGRAM, encoding="utf-8")
        self.env = dict(os.environ, PKG_CONFIG_PATH=str(self.pc.parent),
                        PKG_CONFIG_SYSROOT_DIR="", QHCP_STATE_DIR="/dev/null/none")

    def flags(self, *options):
        prefix = str(self.dir / "root") + run("pkg-config", "--variable=prefix", "qhcp",
                                              env=self.env).strip()
        return run("pkg-config", f"--define-variable=prefix={prefix}", *options, "qhcp",
                   env=self.env).split()

    def build(self, *libraries):
        out = self.dir / "program"
        run("cc", "-Wall", "-Werror", *self.flags("--cflags"), str(self.source), "-o",
            str(out), *libraries)
        return out

    def test_a_program_links_to_the_installed_shared_library(self):
        out = self.build(*self.flags("--libs"))
        env = dict(self.env, LD_LIBRARY_PATH=str(self.pc.parent.parent))
        self.assertEqual(run(str(out), env=env), "out of memory, 7\n")

    def test_a_program_links_to_the_installed_static_library(self):
        archive = self.pc.parent.parent / "libqhcp.a"
        # The libraries behind it stay shared: Debian has no static GnuTLS.
        behind = self.flags("--print-requires-private")
        self.assertIn("gnutls", behind)
        private = re.search(r"^Libs\.private: (.*)$", self.pc.read_text(encoding="utf-8"), re.MULTILINE)
        out = self.build(str(archive), *run("pkg-config", "--libs", *behind).split(),
                         *private.group(1).split())
        self.assertEqual(run(str(out), env=self.env), "out of memory, 7\n")

    def test_the_binary_and_the_units_are_installed_with_absolute_paths(self):
        root = self.dir / "root"
        self.assertTrue(list(root.glob("**/bin/qhcp")))
        units = sorted(root.glob("**/systemd/system/qhcp-*.service"))
        self.assertEqual([u.name for u in units], ["qhcp-lb.service", "qhcp-server.service"])
        for unit in units:
            start = [l for l in unit.read_text().split("\n") if l.startswith("ExecStart=")]
            self.assertRegex(start[0], r"^ExecStart=/.*/bin/qhcp (lb|server)\b")

    def test_systemd_has_no_objection_to_the_units(self):
        root = self.dir / "root"
        binary = next(root.glob("**/bin/qhcp"))
        for unit in (ROOT / "contrib").glob("*.socket"):  # beside their services
            (self.dir / unit.name).write_text(re.sub(r"(?m)^Documentation=.*\n", "", unit.read_text()))
        for unit in root.glob("**/systemd/system/qhcp-*.service"):
            text = re.sub(r"(?m)^(Exec\w+)=\S+/qhcp ", rf"\1={binary} ", unit.read_text())
            here = self.dir / unit.name
            self.assertEqual(text.count(str(binary)), 2)
            # man is on no small machine, and has nothing to do with the unit
            here.write_text(re.sub(r"(?m)^Documentation=.*\n", "", text))
            done = subprocess.run(["systemd-analyze", "verify", str(here)], capture_output=True, text=True,
                                  check=False, env=self.env)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            shown = run("systemd-analyze", "security", "--offline=true", str(here), env=self.env)
            socket = here.with_suffix(".socket")
            done = subprocess.run(["systemd-analyze", "verify", str(socket)], capture_output=True, text=True,
                                  check=False, env=self.env)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", shown).group(1))
            self.assertLess(level, 2.0, shown)
