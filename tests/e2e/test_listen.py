"""Servers that send their status by themselves (`qhcp lb --liveness listen`), in real processes."""

import signal
import time

from lib.case import Case, free_port


class Listen(Case):
    def pair(self, *arguments, liveness="listen", **options):
        """One server that is up, and the load balancer that watches it every 100 ms."""
        self.port = free_port()
        self.agent = self.server(self.port)
        self.config = self.dir / "lb.yaml"
        self.config.write_text(f"liveness: {liveness}\n", encoding="ascii")
        lb = self.lb([f"127.0.0.1:{self.port}"], "--liveness-interval", "100ms", "--status-interval", "100ms",
                     "--config", self.config, *arguments, **options)
        at, _ = lb.wait_status(lambda s: s["up"] == 1, within=10)
        return lb, at

    def listening(self, lb, at, mode="listen"):
        return lb.wait_status(lambda s: s["up"] == 1 and s["servers"][0]["liveness"] == mode, within=5, since=at)

    def test_a_server_that_stands_still_is_down_as_soon_as_by_asking(self):
        """Whether a beat or a request between two beats is the first that gets no answer is chance: that a
        late beat is said in the evidence is tested with a clock of its own (unit/core-listen)."""
        lb, at = self.pair("--flap-hold", "0", quick=True)
        _, status = self.listening(lb, at)
        self.assertGreater(status["servers"][0]["checks_sent"], 0)

        def verdict():
            at, _ = self.listening(lb, len(lb.lines))
            self.agent.send(signal.SIGSTOP)
            began = time.monotonic()
            at, down = lb.wait_event("down", within=2, since=at)
            took = time.monotonic() - began
            self.assertRegex(down["reason"], r"^no answer to \d+ checks in \d+ ms$")
            self.agent.send(signal.SIGCONT)
            at, _ = lb.wait_event("up", within=5, since=at)
            self.listening(lb, at)
            return took

        self.assert_soon(verdict, 0.5)

    def test_a_load_balancer_that_was_stopped_accuses_nobody(self):
        lb, at = self.pair("--max-fail-attempts", "1", "--min-silence", "500ms")
        at, _ = self.listening(lb, at)
        lb.send(signal.SIGSTOP)
        time.sleep(1)
        lb.send(signal.SIGCONT)
        lb.wait_status(lambda s: s["up"] == 1 and s["local_score"] == 0, within=10, since=len(lb.lines))
        self.assertEqual([e for e in lb.events() if e["to"] == "down"], [])

    def test_a_reload_changes_it_on_the_live_session(self):
        lb, at = self.pair(liveness="ask")
        at, _ = self.listening(lb, at, "ask")
        self.config.write_text("liveness: listen\n", encoding="ascii")
        lb.send(signal.SIGHUP)
        at, _ = self.listening(lb, at)
        self.config.write_text("liveness: ask\n", encoding="ascii")
        lb.send(signal.SIGHUP)
        at, _ = self.listening(lb, at, "ask")
        self.assertEqual(len(lb.events()), 1)

    def test_one_server_is_listened_to_as_its_entry_says(self):
        port = free_port()
        self.server(port)
        lb = self.lb([f"127.0.0.1:{port} liveness=listen"], "--liveness-interval", "100ms", "--status-interval", "100ms")
        self.listening(lb, 0)

    def test_a_stop_and_a_dead_data_port_are_found_as_ever(self):
        lb, at = self.pair("--probe", "tcp:1")  # nobody listens there
        lb.wait_event("down", within=5, since=at)
        lb.close()
        lb, at = self.pair()
        at, _ = self.listening(lb, at)
        self.agent.send(signal.SIGTERM)
        _, down = lb.wait_event("down", within=5, since=at)
        self.assertRegex(down["reason"], "stop")
