"""BIND of Debian with one zone that takes updates by a key."""

import signal
import subprocess
import time

from lib.case import SLOW, free_port
from lib.net import die_with_parent

ZONE = """$TTL 60
@ SOA ns.example.org. hostmaster.example.org. 1 60 10 3600 1
@ NS ns
ns A 127.0.0.1
other A 192.0.2.1
"""


class Bind:
    def __init__(self, directory):
        self.dir, self.port, self.popen = directory, free_port(), None
        self.key = directory / "qhcp.key"
        key = subprocess.run(["tsig-keygen", "-a", "hmac-sha256", "qhcp"], capture_output=True, text=True, check=True)
        self.key.write_text(key.stdout, encoding="ascii")
        self.key.chmod(0o600)
        (directory / "example.org.zone").write_text(ZONE, encoding="ascii")
        (directory / "named.conf").write_text(f"""
            {key.stdout}
            options {{ directory "{directory}"; pid-file none; session-keyfile none; recursion no; dnssec-validation no;
                       listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; empty-zones-enable no; }};
            controls {{ }};
            zone "example.org" {{ type primary; file "example.org.zone";
                                  update-policy {{ grant qhcp name www.example.org. A AAAA; }}; }};
            """, encoding="ascii")

    def start(self):
        log = open(self.dir / "named.log", "ab")  # pylint: disable=consider-using-with
        self.popen = subprocess.Popen(["/usr/sbin/named", "-g", "-c", self.dir / "named.conf", "-n", "1", "-U", "1"],
                                      stdout=log, stderr=log, preexec_fn=lambda: die_with_parent(signal.SIGKILL))
        log.close()
        self.wait("ns.example.org", ["127.0.0.1"])

    def ask(self, name, kind="A"):
        done = subprocess.run(["dig", "@127.0.0.1", "-p", str(self.port), "+short", "+time=1", "+tries=1", name, kind],
                              capture_output=True, text=True, timeout=30 * SLOW, check=False)
        return sorted(done.stdout.split("\n")[:-1])

    def wait(self, name, wanted, kind="A"):
        end = time.monotonic() + 30 * SLOW
        while (found := self.ask(name, kind)) != wanted:
            assert time.monotonic() < end, (found, self.log())

    def log(self):
        return (self.dir / "named.log").read_text(errors="replace")[-3000:]

    def close(self):
        if self.popen and self.popen.poll() is None:
            self.popen.kill()
        if self.popen:
            self.popen.wait()
        self.popen = None
