"""The machine of the measurement: a network namespace of its own, processes, and what the kernel counts of them.

The checking side has a processor for itself, whom it asks another one, which this program shares while it waits."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent.parent / "tests" / "e2e")]
from lib.admin import ask  # noqa: E402, F401  (the harness of the end-to-end tests)
from lib.net import isolate, run  # noqa: E402
from lib.process import Gone, Process  # noqa: E402

QHCP = os.environ.get("QHCP_BINARY", "")
HELPERS = Path(os.environ.get("QHCP_BENCH_HELPERS", HERE))
FLEET = HELPERS.parent / "fleet" / "qhcp-fleet"
CHECK_CPU, SERVER_CPU = 0, 1
PIPE = 1 << 20


class Child(Process):
    """A process whose lines may be long and many, and that may be told lines."""

    def __init__(self, *arguments, **options):
        self.began = time.monotonic()
        super().__init__(*arguments, stdin=subprocess.PIPE, **options)
        self._parts = []
        fcntl.fcntl(self.popen.stdout, fcntl.F_SETPIPE_SZ, PIPE)

    def _pull(self, wait):
        if self._eof or not self._selector.select(max(wait, 0)):
            return
        data = self.popen.stdout.read(PIPE)
        if data is None:
            return
        self._eof = data == b""
        if b"\n" not in data:
            self._parts.append(data)
            return
        *lines, rest = b"".join([*self._parts, data]).split(b"\n")
        self._parts = [rest]
        self.lines += [line.decode("utf-8", "replace") for line in lines]

    def pump(self, seconds):
        """Reads what comes meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._eof and (left := deadline - time.monotonic()) > 0:
            self._pull(left)

    def say(self, line, answers, within=30):
        """Tells it a line; the first line of its answer that begins so."""
        since = len(self.lines)
        self.popen.stdin.write(line.encode() + b"\n")
        return self.wait_line(lambda text: text.startswith(answers), within, since)[1]

    def report(self):
        return json.loads(self.say("report", "{"))

    def cpu(self):
        """Seconds that its threads have run."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for task in Path(f"/proc/{self.pid}/task").iterdir()) / 1e9

    def memory(self, what="VmRSS"):
        """Bytes that are resident; VmHWM: that have been, at the most."""
        return next(int(line.split()[1]) << 10 for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
                    if line.startswith(f"{what}:"))

    def close(self):
        self.popen.stdin.close()
        super().close()


def kernel():
    """What this namespace has sent and lost since its beginning, of both sides."""
    found = {}
    for name in ("snmp", "netstat"):
        lines = Path(f"/proc/thread-self/net/{name}").read_text().splitlines()
        for head, values in zip(lines[::2], lines[1::2]):
            what, *keys = head.split()
            found.update((what + key, int(value)) for key, value in zip(keys, values.split()[1:]))
    return {"packets": found["Udp:OutDatagrams"] + found["Tcp:OutSegs"] + found.get("Icmp:OutMsgs", 0),
            "bytes": found["IpExt:OutOctets"], "datagrams": found["Udp:OutDatagrams"], "received": found["Udp:InDatagrams"],
            "lost": found["Udp:RcvbufErrors"] + found["Udp:SndbufErrors"], "connects": found["Tcp:ActiveOpens"]}


def idle(cpu):
    """Seconds in which this processor had nothing to do.  The kernel measures these; the others of /proc/stat are of the
    moments of its ticks, in which those processes run that wait for a time."""
    times = next(line.split()[1:] for line in Path("/proc/stat").read_text().splitlines() if line.startswith(f"cpu{cpu} "))
    return (int(times[3]) + int(times[4])) / os.sysconf("SC_CLK_TCK")


def softirq_threads():
    """The kernel's threads that handle packets when a processor has too many: work that no side is charged for."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            if comm.read_text().startswith("ksoftirqd/"):
                found.append(comm.parent / "schedstat")
        except OSError:  # it has ended
            continue
    return found


def softirqd(threads=softirq_threads()):
    """Seconds that they have run."""
    return sum(int(stat.read_text().split()[0]) for stat in threads) / 1e9


def prefer(pid):
    """The scheduler prefers this process's session over others (sched(7), autogroup)."""
    Path(f"/proc/{pid}/autogroup").write_text("-20")


class World:
    def __init__(self, directory, preferred=False):
        """preferred: over other work of this machine."""
        if not isolate():
            raise RuntimeError("this machine lets us make no network namespace")
        # What travels is counted as on a wire: segments of 1,500 bytes.
        run("ip", "link", "set", "lo", "mtu", "1500")
        os.sched_setaffinity(0, {SERVER_CPU})
        self.dir, self.children, self.started, self.preferred = directory, [], 0, preferred
        if preferred:
            prefer("self")
        self.env = {**os.environ, "QHCP_STATE_DIR": str(directory / "state"), "TMPDIR": str(directory)}

    def start(self, name, command, cpu, ready=None, within=120):
        self.started += 1
        child = Child(["taskset", "-c", str(cpu), *map(str, command)], name=name, env=self.env,
                      log=self.dir / f"{self.started}.log")
        self.children.append(child)
        if self.preferred:
            prefer(child.pid)
        if ready:
            child.wait_line(lambda text: text.startswith(ready), within)
        return child

    def end(self, child, number=None):
        if number is not None and child.popen.poll() is None:
            child.send(number)
            try:
                child.wait(20)
            except Gone:
                pass
        child.close()
        self.children.remove(child)

    def close(self):
        for child in self.children[:]:
            self.end(child)
