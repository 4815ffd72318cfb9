"""--source: the list of servers follows a file while `qhcp lb` runs, and reloads follow each other."""

import os
import signal

from lib.case import Case, Lb, free_port
from lib.raw import wait_log


class Sources(Case):
    def put(self, text, name="servers.txt"):
        """As a careful writer does it: under another name, then in its place."""
        path = self.dir / name
        (self.dir / ".new").write_text(text, encoding="utf-8")
        os.rename(self.dir / ".new", path)
        return path

    def source_lb(self, *sources, config=None):
        more = [word for s in sources for word in ("--source", s)]
        if config:
            more += ["--config", config]
        return self.start("lb", *more, "--port", str(free_port()), "--status-format", "json", "--check-interval", "1",
                          "--liveness-interval", "100ms", "--min-silence", "500ms", "--reconnect-interval", "1", kind=Lb)

    @staticmethod
    def has(*addresses, up=None):
        return lambda s: (sorted(x["address"] for x in s["servers"]) == [f"127.0.0.1:{a}" for a in sorted(addresses)]
                          and (up is None or s["up"] == up))

    def test_a_file_is_followed_and_verdicts_survive(self):
        for port in (4243, 4244, 4245):
            server = self.server(port)
        path = self.put("127.0.0.1:4243\n127.0.0.1:4244\n127.0.0.1:4245\n")
        lb = self.source_lb(f"file {path}")
        at, _ = lb.wait_status(self.has(4243, 4244, 4245, up=3), within=10)
        server.kill()
        at, _ = lb.wait_event("down", within=10, address="127.0.0.1:4245", since=at)
        self.put("127.0.0.1:4244 weight=2\n127.0.0.1:4245 priority=1\n127.0.0.1:4246\n")
        at, _ = lb.wait_event("down", within=10, address="127.0.0.1:4246", since=at)
        lb.wait_status(self.has(4244, 4245, 4246, up=1), within=10, since=at)
        told = [(e["address"][-4:], e["to"]) for e in lb.events()]
        self.assertEqual(told.count(("4244", "up")), 1)
        self.assertEqual(told.count(("4245", "down")), 1)  # what is known of it is known for good
        self.assertEqual(len(told), 5, told)
        self.put("127.0.0.1:4244 wieght=2\n")
        wait_log(lb, "keeping its 3 servers", 5)
        self.assertIn('"wieght=2" is not a setting', lb.errors())
        self.assert_stops(lb)

    def test_of_two_servers_of_one_name_the_first_has_it_until_it_goes(self):
        for port in (4243, 4244):
            self.server(port)
        path = self.put("127.0.0.1:4244 name=web1\n")
        config = self.put("servers: [127.0.0.1:4243 name=web1]\n", "qhcp.yaml")
        lb = self.source_lb(f"file {path}", config=config)

        def named(*names):
            return lambda s: sorted(x["name"] for x in s["servers"]) == sorted(names) and s["up"] == len(names)

        at, _ = lb.wait_status(named("127.0.0.1:4244", "web1"), within=10)
        wait_log(lb, '127.0.0.1:4243 and 127.0.0.1:4244 are both called "web1"', 5)
        self.put("servers: [127.0.0.1:4243 name=web2]\n", "qhcp.yaml")
        lb.send(signal.SIGHUP)
        lb.wait_status(named("web1", "web2"), within=10, since=at)
        self.assert_stops(lb)

    def test_a_load_balancer_may_begin_without_a_server(self):
        self.server(4243)
        path = self.dir / "later.txt"
        lb = self.source_lb(f"file {path}")
        wait_log(lb, "it has named no server yet", 5)
        lb.wait_status(self.has(), within=5)
        self.put("127.0.0.1:4243\n", "later.txt")
        lb.wait_event("up", within=10)

    def test_of_reloads_close_together_the_last_good_one_counts(self):
        for port in (4243, 4244):
            self.server(port)
        config = self.put("servers: [127.0.0.1:4243]\n", "qhcp.yaml")
        lb = self.source_lb(config=config)
        at, _ = lb.wait_status(self.has(4243, up=1), within=10)
        for good, bad in (("127.0.0.1:4244", "no:address:at:all"), ("127.0.0.1:4243", "127.0.0.1")):
            self.put("servers:\n  - 127.0.0.1:4243\n  - 127.0.0.1:4244\n", "qhcp.yaml")
            lb.send(signal.SIGHUP)
            self.put(f"servers: ['{bad}']\n", "qhcp.yaml")
            lb.send(signal.SIGHUP)
            lb.send(signal.SIGHUP)
            wait_log(lb, "reload refused", 5)
            self.put(f"servers: ['{good}']\nsources: ['list 127.0.0.1:4299']\n", "qhcp.yaml")
            lb.send(signal.SIGHUP)
            at, _ = lb.wait_status(self.has(int(good[-4:]), 4299), within=10, since=at)
        self.assert_stops(lb)

    def test_what_cannot_be_used_is_refused_at_the_start(self):
        for source, words in (("file", "needs more"), ("nfs /a", "is not a kind of source"),
                              ("list a:1 weight=1001", "weight")):
            status, _, err = self.qhcp("lb", "--source", source)
            self.assertEqual(status, 2)
            self.assertIn("--source: ", err)
            self.assertIn(words, err)
