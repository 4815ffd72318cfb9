"""--from-haproxy: a configuration of HAProxy becomes one of ours, which runs."""

from lib.case import Case, Lb, free_port

HAPROXY = """
global
    maxconn 1000
defaults
    mode tcp
    timeout connect 5s
    default-server inter 200ms fall 4
backend web
    balance roundrobin
    cookie SRV insert
    server web1 127.0.0.1:8001 check
    server web2 127.0.0.1:8002 check weight 20 backup
"""


class Convert(Case):
    def convert(self, text, **options):
        path = self.dir / "haproxy.cfg"
        path.write_text(text, **options)
        return path, *self.qhcp("lb", "--from-haproxy", path)

    def test_what_is_printed_is_a_configuration_that_watches_the_servers(self):
        path, status, out, errors = self.convert(HAPROXY)
        self.assertEqual((status, out.count("\n  - ")), (0, 2), errors)
        self.assertIn(f"{path}:6: timeout connect: ", errors)
        self.assertIn(f"{path}:10: cookie: it stays with HAProxy\n", errors)
        for line in errors.splitlines():
            self.assertIn(f"# {line}\n", out)
        made = self.dir / "qhcp.yaml"
        made.write_text(out, encoding="utf-8")
        status, out, errors = self.qhcp("lb", "--config", made, "--check-config")
        self.assertEqual((status, errors), (0, ""))
        for port in (4243, 4244):
            self.server(port)
        lb = self.start("lb", "--config", made, "--port", free_port(), "--status-format", "json", "--admin", "off",
                        "--status-interval", "200ms", kind=Lb)
        _, status = lb.wait_status(lambda s: s["up"] == 2, within=10)
        self.assertEqual([(s["name"], s["tags"]) for s in status["servers"]],
                         [("web1", ["web"]), ("web2", ["web"])])

    def test_what_is_no_configuration_of_haproxy_prints_nothing(self):
        path, status, out, errors = self.convert("servers: [127.0.0.1:4243]\n")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(errors, f"qhcp lb: {path}: no backend has a server that QHCP can watch\n")
        path, status, out, errors = self.convert("backend a\n server b '127.0.0.1:80\n")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(errors, f"qhcp lb: {path}:2: the line has a quote that does not end\n")
        status, out, errors = self.qhcp("lb", "--from-haproxy", self.dir)
        self.assertEqual((status, out), (2, ""))
        self.assertIn("is not a regular file", errors)
        self.assertNotIn("--servers", errors)
