"""debian/ says what the tree says: the version, what it takes to build, every file that is installed; the configuration
that is shipped is one; and nothing names a mirror.

The packages themselves are built and lived with by ./run_quic.sh test-package."""

import fnmatch
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD_DIR", ROOT / "build"))
DEBIAN = ROOT / "debian"
COMPILER = {"gcc", "libc6-dev", "binutils"}  # build-essential, which no package names
DEBHELPER = {"debhelper-compat", "dh-sequence-installsysusers", "systemd-dev"}
ELSEWHERE = {"usr/share/zsh/site-functions/_qhcp"}  # debian/rules moves it


def build_depends():
    """{package: oldest version} of debian/control."""
    text = re.search(r"(?m)^Build-Depends: (.*(?:\n .*)*)", (DEBIAN / "control").read_text(encoding="utf-8"))[1]
    found = {}
    for item in text.split(","):
        name, _, version = item.split("|")[0].strip().partition(" ")
        found[name] = re.sub(r"[()>= ]", "", version)
    return found


def needed():
    """The same of scripts/packages.txt."""
    rows = [line.split() for line in (ROOT / "scripts/packages.txt").read_text(encoding="utf-8").splitlines()]
    return {row[1]: (row + [""])[2] for row in rows if row and row[0] == "build"}


def patterns():
    return [line.strip() for name in DEBIAN.glob("*.install") for line in name.read_text(encoding="utf-8").splitlines()]


def claimed(path, wanted):
    return any(fnmatch.fnmatch(path, p) or fnmatch.fnmatch(path, p + "/*") for p in wanted)


class Debian(unittest.TestCase):
    def test_the_version_is_the_build_s(self):
        stated = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))[1]
        newest = (DEBIAN / "changelog").read_text(encoding="utf-8").split("\n")[0]
        self.assertRegex(newest, rf"^qhcp \({re.escape(stated)}(\+\S+)?\) \w+; urgency=")

    def test_it_is_built_with_what_packages_txt_names(self):
        there = build_depends()
        for package, version in needed().items():
            if package in COMPILER:
                continue
            self.assertIn(package, there, "debian/control, Build-Depends")
            if version:
                self.assertEqual(there[package], version, package)
        more = set(there) - set(needed()) - DEBHELPER
        self.assertEqual(more, set(), "scripts/packages.txt does not have it")

    def test_every_installed_file_is_in_a_package(self):
        with tempfile.TemporaryDirectory(prefix="qhcp-debian-") as directory:
            subprocess.run(["meson", "install", "-C", str(BUILD), "--no-rebuild", "--quiet", "--destdir", directory],
                           check=True, stdout=subprocess.DEVNULL)
            prefix = next(Path(directory).glob("**/bin/qhcp")).parent.parent
            files = ["usr/" + p.relative_to(prefix).as_posix() for p in prefix.rglob("*") if not p.is_dir()]
        # Without dpkg-dev meson knows no multiarch folder, which debhelper tells it.
        files = [re.sub(r"^usr/lib64/", "usr/lib/x86_64-linux-gnu/", f) for f in files]
        self.assertIn("usr/bin/qhcp", files)
        wanted = [*patterns(), "usr/lib/systemd/system"]  # debian/rules knows where this release has units
        self.assertEqual([f for f in files if f not in ELSEWHERE and not claimed(f, wanted)], [])
        self.assertFalse(claimed("usr/lib/qhcp/other", wanted))

    def test_the_shipped_configuration_is_one(self):
        with tempfile.TemporaryDirectory(prefix="qhcp-debian-") as directory:
            for text, status in (("", 0), ("nonesuch: 1\n", 2)):
                config = Path(directory) / "server.yaml"
                config.write_text((DEBIAN / "server.yaml").read_text(encoding="utf-8") + text, encoding="utf-8")
                started = subprocess.Popen([str(BUILD / "qhcp"), "server", "--config", str(config), "--ip", "127.0.0.1",
                                            "--port", "42", "--control", "/nonesuch/socket"],
                                           env={**os.environ, "QHCP_STATE_DIR": directory + "/state"},
                                           stderr=subprocess.PIPE, text=True)
                said = started.communicate(timeout=60)[1]
                self.assertEqual(started.returncode, status or 1, said)  # 1: the socket cannot be made

    def test_no_mirror_is_named(self):
        for path in DEBIAN.rglob("*"):
            if path.is_file():
                found = re.findall(r"https?://([^/\s:]+\.[a-z]+)", path.read_text(encoding="utf-8"))
                self.assertLessEqual(set(found), {"www.debian.org"}, path)
