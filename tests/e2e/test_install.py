"""What run_quic.sh does to install: stand-ins for dpkg, apt and sudo tell who was called."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from lib.scripts import copy_tree, executable

OLD, NEW = "0.12.1+dfsg-1", "1.11.0-1~bpo12+1"

# Installed is what stands in $STATE, as "package version".
DPKG_QUERY = """#!/bin/sh
for last; do :; done
sed -n "s/^$last /installed /p" "$STATE" | grep . || exit 1
"""
APT_GET = """#!/bin/sh
echo "apt-get $*" >>"$CALLS"
case " $* " in
*" indextargets "*)
    case $* in
    *'Release: bookworm-backports'*) [ -z "${HAS_BACKPORTS-}" ] || echo bookworm-backports ;;
    *) [ -e "$STATE.updated" ] && echo "$TARGET" || : ;;
    esac ;;
*" update "*) touch "$STATE.updated" ;;
*" install "*) for package; do echo "$package 99" >>"$STATE"; done ;;
esac
"""
SUDO = """#!/bin/sh
echo "sudo $*" >>"$CALLS"
AS_ROOT=1 exec "$@"
"""
ID = """#!/bin/sh
[ "$1" = -u ] && [ -n "${AS_ROOT-}" ] && echo 0 || echo 1000
"""


class Stage(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="qhcp-install-")
        self.addCleanup(directory.cleanup)
        self.dir = Path(directory.name)
        self.tree = copy_tree(self.dir)
        self.state, self.calls = self.dir / "state", self.dir / "calls"
        self.state.touch()
        self.calls.touch()
        self.bin = self.dir / "bin"
        for name, text in (("dpkg-query", DPKG_QUERY), ("apt-get", APT_GET), ("id", ID)):
            executable(self.bin / name, text)
        for name in ("sh", "sed", "grep", "head", "tr", "dirname", "touch", "dpkg", "sort", "awk",
                     "mv", "cat"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.packages = [line.split() for line in
                         (self.tree / "scripts/packages.txt").read_text().split("\n")
                         if line and not line.startswith("#")]

    def install(self, *groups, **env):
        """(status, output) of install.sh; backports.sh does nothing."""
        executable(self.tree / "scripts/backports.sh", "#!/bin/sh\necho backports >>\"$CALLS\"\n")
        return self.run_script("install.sh", *groups, **env)

    def run_script(self, script, *arguments, **env):
        done = subprocess.run(["/bin/sh", self.tree / "scripts" / script, *arguments], check=False,
                              env={"PATH": str(self.bin), "STATE": str(self.state),
                                   "CALLS": str(self.calls), **env},
                              capture_output=True, text=True, timeout=20)
        return done.returncode, done.stdout + done.stderr

    def have(self, *groups, without=(), version=NEW):
        self.state.write_text("".join(f"{name} {version}\n" for group, name, *_ in self.packages
                                      if group in groups and name not in without))

    def called(self):
        return [line for line in self.calls.read_text().split("\n") if line]


class Install(Stage):
    def test_with_all_installed_nothing_is_called_and_nothing_said(self):
        self.have("build", "test")
        self.assertEqual(self.install("build", "test"), (0, ""))
        self.assertEqual(self.called(), [])

    def test_root_installs_what_is_missing_and_nothing_else(self):
        self.have("build", without=("meson", "uthash-dev"))
        self.assertEqual(self.install("build", AS_ROOT="1")[0], 0)
        self.assertEqual(self.called()[0], "backports")
        self.assertTrue(self.called()[-1].endswith("--no-install-recommends meson uthash-dev"))
        self.calls.write_text("")
        self.assertEqual(self.install("build", AS_ROOT="1"), (0, ""))
        self.assertEqual(self.called(), [])

    def test_the_test_group_is_not_installed_for_a_build(self):
        self.assertEqual(self.install("build", AS_ROOT="1")[0], 0)
        self.assertNotIn("libcmocka-dev", self.state.read_text())
        self.assertEqual(self.install("build", "test", AS_ROOT="1")[0], 0)
        self.assertIn("libcmocka-dev", self.state.read_text())

    def test_an_ngtcp2_that_is_too_old_is_replaced(self):
        self.have("build")
        text = self.state.read_text().replace(f"libngtcp2-dev {NEW}", f"libngtcp2-dev {OLD}")
        self.state.write_text(text)
        self.install("build", AS_ROOT="1")
        self.assertTrue(self.called()[-1].endswith("--no-install-recommends libngtcp2-dev"))

    def test_a_user_calls_sudo_once_to_install_and_for_nothing_else(self):
        executable(self.bin / "sudo", SUDO)
        self.have("build", without=("meson",))
        self.assertEqual(self.install("build")[0], 0)
        sudo = [line for line in self.called() if line.startswith("sudo")]
        self.assertEqual(sudo, [f"sudo sh {self.tree}/scripts/install.sh build"])
        self.calls.write_text("")
        self.assertEqual(self.install("build"), (0, ""))
        self.assertEqual(self.called(), [])

    def test_a_user_without_sudo_is_told_the_command(self):
        self.have("build", without=("meson",))
        status, said = self.install("build", "test")
        self.assertEqual(status, 1)
        self.assertIn("meson", said)
        self.assertIn(f"sh {self.tree}/scripts/install.sh build test", said)
        self.assertEqual(self.called(), [])

    def test_without_apt_the_list_of_what_is_needed_is_named(self):
        (self.bin / "apt-get").unlink()
        status, said = self.install("build")
        self.assertEqual(status, 1)
        self.assertIn("packages.txt", said)


class Backports(Stage):
    """backports.sh with an /etc of its own."""

    def setUp(self):
        super().setUp()
        self.etc = self.dir / "etc"
        for name in ("sources.list.d", "preferences.d"):
            (self.etc / "apt" / name).mkdir(parents=True)
        self.release("debian", "bookworm")
        self.made = self.etc / "apt/sources.list.d/qhcp-backports.sources"
        self.pin = self.etc / "apt/preferences.d/qhcp-ngtcp2"

    def release(self, name, codename):
        (self.etc / "os-release").write_text(f"ID={name}\nVERSION_CODENAME={codename}\n")

    def run_backports(self, sources, text, **env):
        path = self.etc / "apt" / sources
        path.write_text(text)
        return self.run_script("backports.sh", str(self.etc),
                               TARGET=f"http://archive.invalid/debian/ {path}:1", **env)

    def fields(self):
        lines = [line for line in self.made.read_text().split("\n") if not line.startswith("#")]
        return [line for line in lines if line]

    WANTED = ["Types: deb", "URIs: http://archive.invalid/debian/", "Suites: bookworm-backports",
              "Components: main"]

    def test_a_one_line_source_gives_its_archive_and_key(self):
        text = ("deb http://other.invalid/x stable main\n"
                "deb [arch=amd64 signed-by=/keys/a.gpg] http://archive.invalid/debian bookworm main\n")
        self.assertEqual(self.run_backports("sources.list", text)[0], 0)
        self.assertEqual(self.fields(), self.WANTED + ["Signed-By: /keys/a.gpg"])

    def test_a_one_line_source_without_a_key_gives_none(self):
        self.run_backports("sources.list", "deb http://archive.invalid/debian bookworm main\n")
        self.assertEqual(self.fields(), self.WANTED)

    def test_a_deb822_source_gives_its_archive_and_key(self):
        text = ("# one\nTypes: deb\nURIs: http://security.invalid/debian\nSigned-By: /keys/b.gpg\n\n"
                "Types: deb\nURIs: http://archive.invalid/debian\nSuites: bookworm\n"
                "Signed-By: /keys/a.gpg\n")
        self.run_backports("sources.list.d/debian.sources", text)
        self.assertEqual(self.fields(), self.WANTED + ["Signed-By: /keys/a.gpg"])

    def test_a_key_that_stands_in_the_source_itself_is_taken_whole(self):
        key = "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END-----"
        text = f"Types: deb\n{key}\nURIs: http://archive.invalid/debian\nSuites: bookworm\n"
        self.run_backports("sources.list.d/debian.sources", text)
        self.assertEqual(self.fields(), self.WANTED + key.split("\n"))

    def test_the_pin_is_for_ngtcp2_alone(self):
        self.run_backports("sources.list", "deb http://archive.invalid/debian bookworm main\n")
        pinned = [line for line in self.pin.read_text().split("\n") if line.startswith("Package")]
        self.assertEqual(pinned, ["Package: libngtcp2*"])

    def test_a_machine_that_has_backports_gets_the_pin_alone(self):
        self.run_backports("sources.list", "", HAS_BACKPORTS="1")
        self.assertFalse(self.made.exists())
        self.assertTrue(self.pin.exists())

    def test_a_later_release_and_another_system_get_nothing(self):
        for name, codename in (("debian", "trixie"), ("ubuntu", "noble")):
            self.release(name, codename)
            self.assertEqual(self.run_backports("sources.list", "")[0], 0)
            self.assertFalse(self.made.exists() or self.pin.exists())
            self.assertEqual(self.called(), [])

    def test_a_machine_without_a_source_for_bookworm_is_told_so(self):
        executable(self.bin / "apt-get", "#!/bin/sh\n:\n")
        status, said = self.run_backports("sources.list", "")
        self.assertEqual(status, 1)
        self.assertIn("no source for Debian bookworm", said)


class Commands(Stage):
    """The command line of run_quic.sh."""

    def run_quic(self, *arguments):
        for script in ("build.sh", "need.sh"):
            executable(self.tree / "scripts" / script, f"#!/bin/sh\necho {script} \"$@\"\n")
        done = subprocess.run([self.tree / "run_quic.sh", *arguments], check=False, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
        return done.returncode, done.stdout, done.stderr

    def test_help_says_every_command_and_does_nothing_else(self):
        for word in ("help", "--help", "-h"):
            status, said, _ = self.run_quic(word)
            self.assertEqual(status, 0)
            for command in ("demo", "build", "test", "fuzz"):
                self.assertIn(f"\n  {command}", said)
            self.assertNotIn(".sh build", said)

    def test_an_unknown_command_is_named_and_refused_with_2(self):
        status, _, errors = self.run_quic("biuld")
        self.assertEqual(status, 2)
        self.assertIn('"biuld"', errors)

    def test_arguments_that_mean_nothing_are_refused_with_2(self):
        for words in (("build", "now"), ("demo", "x"), ("fuzz", "soon"), ("fuzz", "0")):
            status, said, errors = self.run_quic(*words)
            self.assertEqual((status, said), (2, ""), words)
            self.assertIn(words[1], errors)

    def test_bench_runs_the_program_of_that_name_with_its_arguments(self):
        for name, program in (("pick", "pick"), ("fleet", "qhcp-fleet")):
            executable(self.tree / "bench" / name / "meson.build", "")
            executable(self.tree / "build" / "bench" / name / program, "#!/bin/sh\necho ran \"$@\"\n")
            status, said, errors = self.run_quic("bench", name, "--servers", "3")
            self.assertEqual((status, said.split("\n")[-2]), (0, "ran --servers 3"), errors)

    def test_build_builds(self):
        status, said, _ = self.run_quic("build")
        self.assertEqual((status, said.split("\n")[0]), (0, "build.sh"))
