"""Limits of the machine: each is said at the start with what to do, and the process runs within it."""

import os
from pathlib import Path

from lib.case import SLOW, Case, Lb, free_port
from lib.process import Process
from lib.raw import wait_log

CGROUPS = Path("/sys/fs/cgroup")
MB = 1 << 20
ANSWER = 1280  # bytes of the receive buffer (src/daemon/needs.c)


def descriptors(n, kind=Process):
    class Limited(kind):
        def __init__(self, command, **options):
            super().__init__(["prlimit", f"--nofile={n}:{n}", *command], **options)
    return Limited


def within(group, kind=Lb):
    class Grouped(kind):
        def __init__(self, command, **options):
            super().__init__(["sh", "-c", f"echo $$ >{group}/cgroup.procs && exec \"$@\"", "sh", *command], **options)
    return Grouped


class Limits(Case):
    def refused(self, n, *arguments):
        process = self.start(*arguments, kind=descriptors(n))
        self.assertEqual(process.wait(10 * SLOW), 1, process.story())
        self.assertRegex(process.errors(), rf"{n} descriptors are allowed, but at least \d+ are needed: raise the limit "
                                           r"\(ulimit -n, or LimitNOFILE= of the unit\)")

    def test_too_few_descriptors_are_told_at_the_start_and_a_few_more_are_enough(self):
        port, servers = free_port(), ["127.0.0.1:1"]
        for n in (12, 24, 40):
            self.refused(n, "lb", "--servers", servers[0], "--port", free_port(), "--threads", 2)
        self.refused(20, "server", "--port", port)
        self.server(port, kind=descriptors(24))
        lb = self.lb([f"127.0.0.1:{port}"], "--threads", "2", kind=descriptors(88, Lb))
        lb.wait_status(lambda s: s["up"] == 1, 10 * SLOW)
        wait_log(lb, "accepting at most 1[0-9] connections instead of 20000", 5 * SLOW)

    def test_a_receive_buffer_that_is_too_small_for_the_fleet_is_told_with_the_command(self):
        most = int(Path("/proc/sys/net/core/rmem_max").read_text())
        n = 2 * most // ANSWER + 10
        if n > 60000:
            self.skipTest("net.core.rmem_max is enough for any fleet")
        fleet = self.dir / "fleet"
        fleet.write_text("\n".join(f"127.9.{i >> 8}.{i & 255}:9" for i in range(n)))
        lb = self.lb([f"@{fleet}"], "--no-forward", "--status-format", "none")
        wait_log(lb, rf"the receive buffer has room for \d+ datagrams, one of each of {n} is needed: .*: sysctl -w "
                     rf"net.core.rmem_max={n * ANSWER // 2}", 20 * SLOW)
        few = self.lb(["127.0.0.1:1"], "--no-forward", "--status-format", "none")
        wait_log(few, "watching 1 server", 10 * SLOW)
        self.assertNotIn("receive buffer", few.errors())

    def test_a_memory_limit_that_is_too_small_for_the_fleet_is_told(self):
        fleet = self.dir / "fleet"
        fleet.write_text("\n".join(f"127.9.{i >> 8}.{i & 255}:9" for i in range(4000)))
        few = self.lb(["127.0.0.1:1"], "--no-forward", "--status-format", "none", kind=within(self.group(200)))
        wait_log(few, "watching 1 server", 10 * SLOW)
        self.assertNotIn("of memory are allowed", few.errors())
        lb = self.lb([f"@{fleet}"], "--no-forward", "--status-format", "none", kind=within(self.group(200)))
        wait_log(lb, r"200 MB of memory are allowed, but 4000 sessions may need 266 MB: raise the limit of the control "
                     r"group \(MemoryMax= of the unit\)", 10 * SLOW)
        wait_log(lb, "watching 4000 servers", 10 * SLOW)
        self.assertIsNone(lb.popen.poll())

    def group(self, megabytes):
        """A control group with a memory limit; it goes with the test, after its processes."""
        v1 = CGROUPS / "memory"
        group = (v1 if v1.is_dir() else CGROUPS) / f"qhcp-e2e-{os.getpid()}-{self._started}"
        limit = group / ("memory.limit_in_bytes" if v1.is_dir() else "memory.max")
        try:
            group.mkdir()
            self.addCleanup(group.rmdir)
            limit.write_text(str(megabytes * MB))
        except OSError as e:
            self.skipTest(f"this machine lets us make no control group with a memory limit: {e}")
        return group
