"""Network namespaces without names and without a trace: each is an open file descriptor, so that
the kernel takes it down with the process that holds it.  isolate() gives a whole test program one
of its own, in which every port is free; an ordinary user gets it by a user namespace."""

import ctypes
import json
import os
import subprocess
from contextlib import contextmanager

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _check(status):
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(signal):
    """For a child: that signal when its parent ends, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)


def _write(path, text):
    with open(path, "w", encoding="ascii") as out:
        out.write(text)


_isolated = None


def isolate():
    """Moves this process into a fresh network namespace with `lo` up.  True where that worked."""
    global _isolated
    if _isolated is None:
        user, group = os.geteuid(), os.getegid()
        try:
            if user == 0:
                _check(_libc.unshare(CLONE_NEWNET))
            else:
                _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET))
                _write("/proc/self/setgroups", "deny")
                _write("/proc/self/uid_map", f"0 {user} 1")
                _write("/proc/self/gid_map", f"0 {group} 1")
            ip("link", "set", "lo", "up")
            _isolated = True
        except (OSError, subprocess.CalledProcessError):
            _isolated = False
    return _isolated


def run(*command, **options):
    """A command that must succeed; its standard output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def ip(*arguments):
    return run("ip", *arguments)


def private_mounts():
    """The command before a command that mounts: what it mounts goes with it.  In a chroot, where
    the root is no mount point, it must unmount by itself."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0:
        return ["unshare", "-m"]
    return ["unshare", "-m", "--propagation", "unchanged"]


class Namespace:
    """A network namespace.  `with namespace:` what is started and opened belongs to it."""

    def __init__(self, name):
        self.name = name
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _check(_libc.unshare(CLONE_NEWNET))
            self.fd = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            ip("link", "set", "lo", "up")
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
            os.close(home)
        self._homes = []

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self):
        self._homes.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        _check(_libc.setns(self.fd, CLONE_NEWNET))
        return self

    def __exit__(self, *_):
        home = self._homes.pop()
        _check(_libc.setns(home, CLONE_NEWNET))
        os.close(home)

    def link(self, other, here, there, device="veth0"):
        """A cable to another namespace; the addresses (10.0.0.1/24, fd00::1/64) of its two ends."""
        peer = f"/proc/{os.getpid()}/fd/{other.fd}"
        with self:
            ip("link", "add", device, "type", "veth", "peer", "name", device, "netns", peer)
        for namespace, address in ((self, here), (other, there)):
            with namespace:
                # nodad: an IPv6 address is good at once
                options = ["nodad"] if ":" in address else []
                ip("address", "add", address, "dev", device, *options)
                # no link-local address: IPv6 would send packets of its own
                ip("link", "set", device, "addrgenmode", "none")
                ip("link", "set", device, "up")

    def device_up(self, up, device="veth0"):
        with self:
            ip("link", "set", device, "up" if up else "down")

    def nft(self, rules):
        """Loads nftables rules; see drop()."""
        with self:
            run("nft", "-f", "-", input=rules)

    @contextmanager
    def drop(self, rule):
        """While in it, packets that come in and match (`udp dport 4243`) vanish silently."""
        self.nft("table inet cut { chain in { type filter hook input priority 0; "
                 f"{rule} drop; }}; }}\n")
        try:
            yield
        finally:
            self.nft("delete table inet cut\n")

    def count_udp(self):
        """From now on the kernel counts this namespace's UDP packets: read with udp_packets()."""
        chains = "".join(f"counter {way} {{ }}\nchain {way} {{ type filter hook {way} priority 0;"
                         f" meta l4proto udp counter name {way}; }}\n"
                         for way in ("input", "output"))
        self.nft(f"table inet count {{\n{chains}}}\n")

    def udp_packets(self):
        """(received, sent) UDP packets since count_udp(), ARP and the like left out."""
        with self:
            shown = json.loads(run("nft", "-j", "list", "counters", "table", "inet", "count"))
        counted = {c["counter"]["name"]: c["counter"]["packets"] for c in shown["nftables"]
                   if "counter" in c}
        return counted["input"], counted["output"]

    def packets(self, device="veth0"):
        """(received, sent) packets of a device, by the kernel's counters."""
        with self, open("/proc/thread-self/net/dev", encoding="ascii") as table:
            for line in table:
                name, _, numbers = line.partition(":")
                if name.strip() == device:
                    fields = numbers.split()
                    return int(fields[1]), int(fields[9])
        raise RuntimeError(f"{self.name} has no device {device}")
