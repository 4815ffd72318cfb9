"""The sink `dns`, asked by the clients that people have: dig, kdig and drill."""

import re
import socket
import subprocess
import time

from lib.case import SLOW, Case, free_port
from lib.raw import wait_log

WITHIN = 20 * SLOW


def run(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=WITHIN, check=False)
    return done.stdout + done.stderr


class Dns(Case):
    def pair(self, *settings, sink="dns"):
        """Two servers, on ports of their own; and their load balancer with the sink."""
        self.agents = [self.server(port, ip="127.0.0.1") for port in (4243, 4244)]
        for agent in self.agents:
            wait_log(agent, "listening on UDP", WITHIN)
        self.dns = free_port()
        lb = self.lb(["127.0.0.1:4243 name=web1 tags=eu service=tcp:8001 weight=3",
                      "127.0.0.1:4244 name=web2 tags=eu|blue service=tcp:8002"],
                     "--no-forward", "--sink", " ".join([f"{sink} 127.0.0.1:{self.dns} zone=lb.example", *settings]))
        lb.wait_status(lambda s: s["up"] == 2, within=20)
        return lb

    def dig(self, *arguments):
        return run("dig", "@127.0.0.1", "-p", self.dns, "+time=5", "+tries=3", *arguments)

    def short(self, *arguments):
        """What is found; of SRV without the weight, which follows the load of this machine."""
        return sorted(re.sub(r"^0 \d+ (?=\d)", "", line) for line in self.dig("+short", *arguments).split("\n")[:-1])

    def wait(self, wanted, *arguments):
        end = time.monotonic() + WITHIN
        while (found := self.short(*arguments)) != wanted:
            self.assertLess(time.monotonic(), end, (found, self.dig(*arguments)))

    def test_dig_finds_the_servers_that_are_up(self):
        self.pair()
        both = ["8001 ip4-127-0-0-1.lb.example.", "8002 ip4-127-0-0-1.lb.example."]
        self.wait(both, "_eu._tcp.lb.example", "SRV")
        self.assertEqual(self.short("lb.example"), ["127.0.0.1"])
        self.assertEqual(self.short("web2.lb.example"), ["127.0.0.1"])
        self.assertEqual(self.short("lb.example", "NS"), ["ns.lb.example."])
        self.assertEqual(self.short("ns.lb.example"), ["127.0.0.1"])
        self.assertEqual(self.short("_all._tcp.lb.example", "SRV"), both)
        self.agents[0].kill()
        self.wait(both[1:], "_eu._tcp.lb.example", "SRV")
        self.agents[1].kill()
        # none is left: then all of them, rather than none
        self.wait(both, "_eu._tcp.lb.example", "SRV")

    def test_answers_are_as_the_standards_have_them(self):
        self.pair("ttl=2s", "ns=ns1.example.org,ns2.example.org")
        self.wait(["127.0.0.1"], "web1.lb.example")
        answer = self.dig("LB.exAmple", "+nsid", "+dnssec")
        self.assertIn("flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1", answer)
        self.assertRegex(answer, r"\nLB\.exAmple\.\t+2\tIN\tA\t127\.0\.0\.1\n")
        self.assertRegex(answer, r"EDNS: version: 0, flags: do; udp: 1232\n")
        self.assertNotIn("NSID", answer)
        self.assertNotIn("WARNING: Message parser", answer)
        self.assertEqual(self.short("lb.example", "NS"), ["ns1.example.org.", "ns2.example.org."])
        for name, status in (("lb.example", "NOERROR"), ("nobody.lb.example", "NXDOMAIN")):
            answer = self.dig(name, "AAAA")
            self.assertIn(f"status: {status}", answer)
            self.assertRegex(answer, r"AUTHORITY SECTION:\nlb\.example\.\t+2\tIN\tSOA\tns1\.example\.org\. "
                                     r"hostmaster\.lb\.example\. \d+ 60 10 3600 2\n")
        self.assertIn("status: REFUSED", self.dig("example.org"))
        self.assertIn("status: NOTIMP", self.dig("lb.example", "+opcode=notify"))
        self.assertIn("status: BADVERS", self.dig("lb.example", "+edns=1", "+noednsnegotiation"))
        self.assertRegex(self.dig("lb.example", "ANY"), r'HINFO\t"RFC8482" ""')
        self.assertIn("Transfer failed", self.dig("lb.example", "AXFR"))
        answer = self.dig("_eu._tcp.lb.example", "SRV", "+tcp", "+keepopen")
        self.assertIn("(TCP)", answer)
        self.assertIn("ANSWER: 2", answer)
        answer = run("kdig", "@127.0.0.1", "-p", self.dns, "_eu._tcp.lb.example", "SRV")
        self.assertIn("status: NOERROR", answer)
        self.assertRegex(answer, r"SECTION:\nip4-127-0-0-1\.lb\.example\.\s+2\s+IN\s+A\s+127\.0\.0\.1\n")
        self.assertIn("rcode: NXDOMAIN", run("drill", "-p", self.dns, "@127.0.0.1", "no.lb.example"))

    def test_one_that_drains_is_no_answer(self):
        self.pair("empty=none")
        self.wait(["127.0.0.1"], "web2.lb.example")
        self.assertEqual(self.qhcp("control", "drain", "--port", "4244")[0], 0)
        self.wait([], "web2.lb.example")
        self.assertIn("status: NOERROR", self.dig("web2.lb.example"))
        self.assertEqual(self.qhcp("control", "undrain", "--port", "4244")[0], 0)
        self.wait(["127.0.0.1"], "web2.lb.example")

    def test_a_network_gets_so_many_answers_by_udp_and_all_by_tcp(self):
        self.pair("rate=1")
        self.wait(["127.0.0.1"], "lb.example", "+tcp")
        query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x02lb\x07example\0\0\x01\0\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(WITHIN)
            for _ in range(60):  # at once: what the load balancer reads late, it reads together
                client.sendto(query, ("127.0.0.1", self.dns))
            answer = client.recv(512)
            while not answer[2] & 2:
                answer = client.recv(512)
            self.assertEqual(len(answer), len(query))  # nothing to gain for who forges an address
        for _ in range(5):
            self.assertEqual(self.short("lb.example", "+tcp"), ["127.0.0.1"])

    def test_what_is_wrong_is_said(self):
        for sink, said in (("dns 5353", "zone= is missing: the name that is answered for"),
                           ("dns 5353 zone=a..b", 'zone="a..b" is not the name of a zone'),
                           ("dns 5353 zone=lb.example ns=x,,y", "expected names of name servers"),
                           ("dns 5353 zone=lb.example empty=some", 'empty="some": use all or none'),
                           ("dns 5353 zone=lb.example ttl=0s", "ttl"),
                           ("dns 5353 zone=lb.example tll=1s", "tll"),
                           ("dns here zone=lb.example", "here")):
            status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--sink", sink, "--check-config")
            self.assertEqual(status, 1, sink)
            self.assertIn(said, errors)
        good = self.qhcp("lb", "--servers", "127.0.0.1:4243", "--sink", "dns 5353 zone=lb.example", "--check-config")
        self.assertEqual(good[0], 0, good)
