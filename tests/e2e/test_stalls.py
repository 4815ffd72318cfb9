"""Servers that stand still and wake again: what is no verdict, and what is said of one that was false."""

import signal
import time

from lib.case import Case, free_port


class Stalls(Case):
    def pair(self, *arguments):
        """Two servers that are up and their load balancer, all else at its defaults."""
        self.ports = [free_port(), free_port()]
        self.servers = [self.server(port) for port in self.ports]
        lb = self.lb([f"127.0.0.1:{port}" for port in self.ports], "--liveness-interval", "1s",
                     "--status-interval", "200ms", *arguments, quick=True)
        at, _ = lb.wait_status(lambda s: s["up"] == 2, within=10)
        return lb, at

    def server_of(self, status, i):
        return [s for s in status["servers"] if s["address"] == f"127.0.0.1:{self.ports[i]}"][0]

    def test_a_session_that_answers_again_is_a_false_verdict_and_a_restart_is_none(self):
        lb, at = self.pair()
        self.servers[0].send(signal.SIGSTOP)
        self.servers[1].kill()
        for i in range(2):
            lb.wait_event("down", within=5, address=f"127.0.0.1:{self.ports[i]}", since=at)
        self.servers[0].send(signal.SIGCONT)
        self.servers[1] = self.server(self.ports[1])
        for i, words in enumerate((r"^serving: the same session answers again, \d+ ms after it fell "
                                   r"silent \(a false verdict\)$", r"^serving$")):
            _, up = lb.wait_event("up", within=5, address=f"127.0.0.1:{self.ports[i]}", since=at)
            self.assertRegex(up["reason"], words)
        _, status = lb.wait_status(lambda s: s["up"] == 2, within=5, since=len(lb.lines))
        self.assertEqual([self.server_of(status, i)["false_verdicts"] for i in range(2)], [1, 0])
        self.assertRegex(lb.errors(), r"the verdict was false: the same session answers again, \d+ ms after it "
                                      r"fell silent \(1 false verdict so far\)")

    def test_a_silence_shorter_than_the_least_is_no_verdict(self):
        """The same stall, seen by a load balancer that waits for it and by one that does not."""
        for least, down in (("3s", False), ("300ms", True)):
            with self.subTest(least=least):
                config = self.dir / "lb.yaml"
                config.write_text(f"min-silence: {least}\n", encoding="ascii")
                lb, at = self.pair("--config", config)
                self.servers[0].send(signal.SIGSTOP)
                at, _ = lb.wait_status(lambda s: self.server_of(s, 0)["fails"] > 0, within=5, since=at)
                if down:
                    lb.wait_event("down", within=5, since=at)
                else:
                    time.sleep(0.6)  # the silence, which began with the check that has failed
                self.servers[0].send(signal.SIGCONT)
                lb.wait_status(lambda s: self.server_of(s, 0)["fails"] == 0 and s["up"] == 2, 5,
                               since=len(lb.lines))
                self.assertEqual("down" in [e["to"] for e in lb.events()], down)
                lb.close()

    def test_a_least_silence_has_its_bounds(self):
        for value, refused in (("0", True), ("1ms", False), ("60s", False), ("61s", True)):
            with self.subTest(value=value):
                status, _, errors = self.qhcp("lb", "--servers", "127.0.0.1:1", "--min-silence", value,
                                              "--cert-file", "/nonexistent")
                self.assertEqual(status, 2, errors)
                self.assertEqual("--min-silence" in errors, refused, errors)
