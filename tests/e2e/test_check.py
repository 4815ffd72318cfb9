"""`qhcp check`: one line and an exit status, as a Nagios plugin has it."""

import signal

from lib.case import Case


class Check(Case):
    def check(self, *arguments, **options):
        status, out, err = self.qhcp("check", *arguments, **options)
        self.assertLessEqual(out.count("\n"), 1, out)
        return status, out, err

    def test_a_healthy_server_gives_0_and_its_figures(self):
        self.server(4243)
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 0, err)
        self.assertRegex(out, r"^QHCP OK - localhost:4243 is up.*cpu.*memory")

    def test_nobody_there_gives_2_and_the_reason(self):
        status, out, _ = self.check("127.0.0.1:4243")
        self.assertEqual(status, 2)
        self.assertIn("port unreachable (ICMP)", out)

    def test_a_silent_host_gives_2_within_the_timeout(self):
        server_ns, lb_ns = self.namespace("server"), self.namespace("lb")
        lb_ns.link(server_ns, "10.77.0.1/24", "10.77.0.2/24")
        self.server(4243, namespace=server_ns)
        with server_ns.drop("udp dport 4243"):
            status, out, _ = self.check("10.77.0.2:4243", "--timeout", "1", namespace=lb_ns)
        self.assertEqual(status, 2, out)
        self.assertIn("no answer", out)

    def test_a_server_of_another_ca_gives_3_and_names_both(self):
        self.server(4243, state=self.dir / "other")
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 3, out + err)
        self.assertIn("unknown CA", out + err)

    def test_a_draining_server_gives_1_and_with_alive_0(self):
        server = self.server(4243, "--drain-timeout", "20")
        lb = self.lb(["127.0.0.1:4243"])
        lb.wait_event("up", within=10)
        lb.send(signal.SIGSTOP)  # its acknowledgement does not come: the drain lasts
        server.send(signal.SIGTERM)
        status, out, err = self.check("localhost:4243")
        self.assertEqual(status, 1, out + err)
        self.assertIn("draining: SIGTERM", out)
        self.assertEqual(self.check("localhost:4243", "--alive")[0], 0)
        lb.send(signal.SIGCONT)
        self.assertEqual(server.wait(10), 0)

    def test_an_unverified_certificate_is_told_in_the_line(self):
        self.server(4243)
        self.assertNotIn("NOT verified", self.check("localhost:4243")[1])
        status, out, _ = self.check("localhost:4243", "--insecure")
        self.assertEqual(status, 0)
        self.assertIn("NOT verified", out)

    def test_usage_errors_give_3_and_quote_the_bad_value(self):
        for bad in ("localhost", "localhost:70000", "::1:4243", ""):
            status, out, err = self.check(bad)
            self.assertEqual(status, 3, bad)
            self.assertIn(bad, out + err)
        self.assertEqual(self.check()[0], 3)
        self.assertEqual(self.check("localhost:4243", "--timeout", "0")[0], 3)
