#!/usr/bin/env python3
"""The Debian packages in clean roots of Debian 12 and 13: built there, looked over by lintian, installed, started
as their user with the configuration that they ship, upgraded, and purged; and run by a real systemd (booted.sh).

    test_roots.py [RELEASE ...]        12 13

As root, with debootstrap and systemd-nspawn, in build/roots; the archive is the one that this machine's apt has.  A base system that is
there already (build/roots/base-12) is used again.  What each step said is in build/roots/RELEASE.log.  Not a part of
the test suite: it loads some 400 MB and builds twice."""

import contextlib
import ctypes
import os
import re
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
ROOTS = Path(os.environ.get("QHCP_ROOTS", ROOT / "build/roots"))
SUITES = {"12": "bookworm", "13": "trixie"}
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "HOME": "/root"}
MOUNTS = (("proc", "proc", "proc"), ("dev", "/dev", None))
PIN = "Package: libngtcp2*\nPin: release n=bookworm-backports\nPin-Priority: 900\n"
ELSEWHERE = ("/tmp/", "/proc/", "/dev/", "/var/lib/dpkg/", "/var/log/", "/var/cache/")


def archive():
    """The address that apt has for Debian, without naming any here."""
    shown = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(COMPONENT)"],
                           capture_output=True, text=True, check=True).stdout
    for line in shown.splitlines():
        site, release, component = line.split()
        if component == "main" and release in (*SUITES.values(), "stable"):
            return site
    raise SystemExit("test_roots: apt has no source of Debian")


class Machine:
    """A root directory in which commands run."""

    def __init__(self, path, log):
        self.path, self.log = path, log

    def run(self, *command, check=True, user=None, **env):
        """(status, output)"""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        self.log.write(f"{self.path.name}$ {' '.join(map(str, command))}\n")
        self.log.flush()
        done = subprocess.run(["chroot", str(self.path), *as_user, *map(str, command)], env={**ENV, **env},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", check=False)
        self.log.write(done.stdout)
        self.log.flush()
        if check and done.returncode != 0:
            raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout[-3000:]}")
        return done.returncode, done.stdout

    def start(self, *command, user):
        return subprocess.Popen(["chroot", str(self.path), "setpriv", f"--reuid={user}", f"--regid={user}",
                                 "--init-groups", "--no-new-privs", "--bounding-set=-all", *command],
                                env={**ENV, "QHCP_STATE_DIR": "/var/lib/qhcp", "HOME": "/"}, stdin=subprocess.DEVNULL,
                                stdout=self.log, stderr=self.log)

    def apt(self, *arguments):
        self.run("apt-get", "-q", "-y", "-o", "APT::Install-Recommends=false", *arguments)

    def files(self):
        shown = self.run("find", "/", "-xdev", "-not", "-type", "d", "-print")[1]
        return {f for f in shown.splitlines() if not f.startswith(ELSEWHERE)}


def base(release, log):
    path = ROOTS / f"base-{release}"
    if not (path / "usr/bin/apt-get").exists():
        ROOTS.mkdir(parents=True, exist_ok=True)
        subprocess.run(["debootstrap", "--variant=minbase", SUITES[release], path, archive()], check=True,
                       stdout=log, stderr=log)
    return path


@contextlib.contextmanager
def machine(release, name, log):
    """A fresh copy of the base system, gone afterwards."""
    path = ROOTS / f"{name}-{release}"
    assert not path.exists() or not any(os.path.ismount(path / at) for at, *_ in MOUNTS), f"{path} is in use"
    shutil.rmtree(path, ignore_errors=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(base(release, log)), str(path)], check=True)
    suite, at = SUITES[release], archive()
    lines = [f"deb {at} {suite} main"] + ([f"deb {at} {suite}-backports main"] if release == "12" else [])
    (path / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
    if release == "12":
        (path / "etc/apt/preferences.d/ngtcp2").write_text(PIN)
    checks = subprocess.run(["apt-config", "dump", "--no-empty"], capture_output=True, text=True, check=True).stdout
    (path / "etc/apt/apt.conf.d/checks").write_text(  # as this machine does, whose clock may be another
        "".join(line + "\n" for line in checks.splitlines() if line.startswith("Acquire::Check-")))
    shutil.copy("/etc/resolv.conf", path / "etc/resolv.conf")
    (path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")  # no service starts in a chroot
    (path / "usr/sbin/policy-rc.d").chmod(0o755)
    subprocess.run(["mount", "-t", "proc", "proc", path / "proc"], check=True)
    subprocess.run(["mount", "--bind", "/dev", path / "dev"], check=True)
    try:
        m = Machine(path, log)
        m.apt("update")
        yield m
    finally:
        for mounted in ("dev", "proc"):
            subprocess.run(["umount", "-l", path / mounted], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(path, ignore_errors=True)


def built(release, log):
    """The packages' files, built in a root of that release."""
    out = ROOTS / f"packages-{release}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with machine(release, "build", log) as m:
        tree = m.path / "build/qhcp"
        tree.mkdir(parents=True)
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                               capture_output=True, check=True).stdout
        subprocess.run(["xargs", "-0", "cp", "-a", "--parents", "-t", str(tree)], cwd=ROOT, input=names, check=True)
        m.apt("install", "build-essential", "lintian")
        m.apt("build-dep", "/build/qhcp")
        m.run("sh", "-c", "cd /build/qhcp && nice dpkg-buildpackage -us -uc -b")
        m.run("sh", "-c", "lintian --allow-root --fail-on error --suppress-tags bad-distribution-in-changes-file "
              "/build/qhcp_*.changes")
        say(release, "built by dpkg-buildpackage, lintian without errors")
        m.run("sh", "-c", "dpkg -i /build/libqhcp*.deb && cd /tmp && cp /usr/share/doc/libqhcp-dev/examples/probe.c . && "
              "cc probe.c -o probe $(pkg-config --cflags --libs qhcp) && ldd probe | grep -q libqhcp.so.0")
        say(release, "a program is built against libqhcp-dev")
        for deb in (m.path / "build").glob("*.deb"):
            if "dbgsym" not in deb.name:
                shutil.copy(deb, out)
    return sorted(out.glob("*.deb"))


def newer(deb, into):
    """The same package as the next version."""
    tree = into / "repack"
    shutil.rmtree(tree, ignore_errors=True)
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text()
    version = re.search(r"^Version: (\S+)$", text, re.MULTILINE)[1]
    control.write_text(text.replace(version, version + "+next"))
    new = into / deb.name.replace(version, version + "+next")
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, new], check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(tree)
    return new


def say(release, words):
    print(f"ok - Debian {release}: {words}", flush=True)


def wait(what, within=20):
    end = time.monotonic() + within
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def be_apart():
    """This process, and what it starts from now on, has a network of its own: no port is taken there."""
    assert ctypes.CDLL(None, use_errno=True).unshare(0x40000000) == 0, "no network of our own"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def names_no_mirror(m):
    shown = m.run("sh", "-c", "dpkg -L qhcp libqhcp0 libqhcp-dev | while read -r f; do [ -f $f ] && echo $f; done; true")[1]
    for name in shown.split():
        text = (m.path / name.lstrip("/")).read_bytes()
        found = set(re.findall(rb"//([a-z0-9.-]*debian\.org)", text)) - {b"www.debian.org"}  # of the copyright's format
        assert not found and archive().split("/")[2].encode() not in text, f"{name}: {found}"


def serves(m):
    """Agent and load balancer, as the user of the services, with the shipped configuration."""
    servers = "127.0.0.1:4243"
    agent = m.start("qhcp", "server", "--config", "/etc/qhcp/server.yaml", user="qhcp")
    lb = None
    try:
        wait(lambda: m.run("qhcp", "check", servers, check=False)[0] == 0)
        shown = m.run("qhcp", "check", servers)[1]  # by root, on the services' state
        assert shown.startswith("QHCP OK"), shown
        (m.path / "etc/qhcp/lb.yaml").write_text(f"servers:\n  - {servers}\nadmin: off\n")
        lb = m.start("qhcp", "lb", "--config", "/etc/qhcp/lb.yaml", user="qhcp")
        wait(lambda: "load balancers: 1" in m.run("qhcp", "control", "show", check=False)[1]
             or "load balancer" in m.run("qhcp", "control", "show", check=False)[1])
        assert m.run("qhcp", "control", "drain", "--reason", "test")[0] == 0
    finally:
        for process in (lb, agent):
            if process:
                process.terminate()
    assert [p.wait(30) for p in (lb, agent)] == [0, 0]
    owners = m.run("sh", "-c", "stat -c %U $(find /var/lib/qhcp)")[1].split()
    assert set(owners) == {"qhcp"}, owners


def units(m):
    """By this machine's systemd-analyze."""
    found = [*m.path.glob("usr/lib/systemd/system/qhcp-*.service")]
    assert len(found) == 2, found
    for unit in found:
        shown = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True,
                               check=True).stdout
        level = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", shown)[1])
        assert level < 2, (unit, level)
        start = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)[1]
        assert (m.path / start.lstrip("/")).exists(), start


def lives(release, debs, log):
    with machine(release, "clean", log) as m:
        m.apt("install", "util-linux", "findutils")
        for deb in debs:
            shutil.copy(deb, m.path / "tmp")
        m.apt("install", *(f"/tmp/{deb.name}" for deb in debs))
        state = m.path / "var/lib/qhcp"
        owner = m.run("stat", "-c", "%U:%G %a", "/var/lib/qhcp")[1].strip()
        assert owner == "qhcp:qhcp 700", owner
        units(m)
        names_no_mirror(m)
        for name in ("bash-completion/completions/qhcp", "zsh/vendor-completions/_qhcp",
                     "fish/vendor_completions.d/qhcp.fish"):
            assert (m.path / "usr/share" / name).exists(), name
        say(release, "installed: user, units, completion; no mirror is named")
        be_apart()
        serves(m)
        say(release, "started as its user, with the shipped configuration")
        key = (state / "secret").read_bytes()
        config = m.path / "etc/qhcp/server.yaml"
        config.write_text(config.read_text() + "\nmetrics: queue_depth\n")
        for deb in debs:
            newer(deb, m.path / "tmp")
        m.run("sh", "-c", "dpkg -i /tmp/*+next*.deb")
        assert "+next" in m.run("dpkg-query", "-W", "-f", "${Version}", "qhcp")[1]
        assert (state / "secret").read_bytes() == key and "queue_depth" in config.read_text()
        serves(m)
        say(release, "upgraded: keys and configuration stay, it starts")
        m.run("dpkg", "--remove", "qhcp")
        assert (state / "secret").exists() and config.exists()
        (m.path / "etc/qhcp/lb.yaml").unlink()
        m.apt("purge", "qhcp", "libqhcp0", "libqhcp-dev")
        left = {f for f in m.files() if "qhcp" in f}
        assert not state.exists() and not (m.path / "etc/qhcp").exists() and not left, sorted(left)[:20]
        say(release, "purged: nothing is left")


BOOT = """[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/root/booted.sh >/root/result 2>&1'
ExecStopPost=/usr/bin/systemctl --no-block poweroff
TimeoutStartSec=150
[Install]
WantedBy=multi-user.target
"""


def boots(release, debs, log):
    """Under a systemd of its own, in a container (systemd-nspawn)."""
    with machine(release, "boot", log) as m:
        for deb in debs:
            shutil.copy(deb, m.path / "tmp")
        m.apt("install", "systemd", "systemd-sysv", "dbus", *(f"/tmp/{deb.name}" for deb in debs if "dev" not in deb.name))
        (m.path / "usr/sbin/policy-rc.d").unlink()
        shutil.copy(ROOT / "tests/package/booted.sh", m.path / "root")
        (m.path / "etc/systemd/system/booted.service").write_text(BOOT)
        m.run("systemctl", "enable", "booted.service")
        for mounted in ("dev", "proc"):
            subprocess.run(["umount", "-l", m.path / mounted], check=True)
        subprocess.run(["systemd-nspawn", "-q", "-D", m.path, "--register=no", "--keep-unit", "--private-network", "-b"],
                       stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=300, check=False)
        result = m.path / "root/result"
        text = result.read_text() if result.exists() else "it did not start: see the log"
        log.write(text)
        assert text.endswith("all is well\n"), text[-3000:]
        count = text.count("\nok - ") + text.startswith("ok - ")
        say(release, f"under a real systemd: {count} things are as they should be")


def one(release):
    began = time.monotonic()
    ROOTS.mkdir(parents=True, exist_ok=True)
    with open(ROOTS / f"{release}.log", "w", encoding="utf-8") as log:
        try:
            debs = built(release, log)
            boots(release, debs, log)
            lives(release, debs, log)  # the last: it leaves the network
        except (AssertionError, OSError, subprocess.SubprocessError):
            traceback.print_exc()
            print(f"not ok - Debian {release}: see {log.name}", flush=True)
            return 1
    say(release, f"all of it in {time.monotonic() - began:.0f} s")
    return 0


def main():
    releases = sys.argv[1:] or list(SUITES)
    if os.geteuid() != 0 or any(r not in SUITES for r in releases):
        print("test_roots: as root; the releases are 12 and 13", file=sys.stderr)
        return 2
    failed = 0
    for release in releases:
        child = os.fork()
        if child == 0:
            os._exit(one(release))
        failed |= os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return failed


if __name__ == "__main__":
    sys.exit(main())
