"""The sink nginx, with the real nginx: an include file, a test of the configuration, a reload."""

import os
import shutil
import socket
import subprocess
import time

from lib.case import SLOW, free_port
from lib.forward import ForwardCase, read_line
from lib.net import die_with_parent

MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
HEAD = "# Written by qhcp lb (sink nginx): what is changed here is lost.\n"


class Nginx(ForwardCase):
    def setUp(self):
        super().setUp()
        self.path, self.conf, self.other = self.dir / "be.conf", self.dir / "nginx.conf", self.dir / "other.conf"
        self.front = free_port(socket.SOCK_STREAM)
        self.command = f"{shutil.which('nginx') or '/usr/sbin/nginx'} -c {self.conf}"
        user = "user root;" if os.geteuid() == 0 else ""
        self.other.write_text("")
        self.conf.write_text(f"""load_module {MODULE};
{user} pid {self.dir}/nginx.pid; error_log {self.dir}/nginx.log notice; worker_processes 1;
events {{ worker_connections 64; }}
stream {{
    include {self.path};
    server {{ listen 127.0.0.1:{self.front}; proxy_pass be; proxy_connect_timeout 1s; }}
    include {self.other};
}}
http {{
    access_log off; client_body_temp_path {self.dir}/t1; proxy_temp_path {self.dir}/t2; fastcgi_temp_path {self.dir}/t3;
    uwsgi_temp_path {self.dir}/t4; scgi_temp_path {self.dir}/t5;
    include {self.path};
    server {{ listen unix:{self.dir}/http.sock; location / {{ proxy_pass http://be; }} }}
}}
""")

    def wait(self, wanted, what, within=10):
        deadline = time.monotonic() + max(within * SLOW, 30)
        while not wanted():
            if time.monotonic() > deadline:
                self.fail(f"{what}\n{self.content()}\n{self.log()}\n{self.watching.errors()}")
            time.sleep(0.01)

    def content(self):
        try:
            return self.path.read_text()
        except FileNotFoundError:
            return ""

    def log(self):
        log = self.dir / "nginx.log"
        return log.read_text() if log.exists() else ""

    def reloads(self):
        return self.log().count(": reconfiguring")

    def nginx(self):
        with open(self.dir / "nginx.out", "wb") as out:
            process = subprocess.Popen([*self.command.split(), "-g", "daemon off;"], stdout=out, stderr=out,
                                       preexec_fn=lambda: die_with_parent(9))
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        self.wait(lambda: (self.dir / "nginx.pid").exists() and (self.dir / "nginx.pid").read_text(), "nginx has not begun")

    def sink(self, *settings):
        return f"nginx {self.path} upstream=be test='{self.command} -t' reload='{self.command} -s reload' {' '.join(settings)}"

    def watch(self, *names, every="1s", sink=None):
        """Servers with a backend each, and their load balancer, which does not forward."""
        self.backends = [self.backend(name) for name in names]
        self.agents = [free_port() for _ in names]
        self.servers = [self.server(port, "--service", f"tcp:{b.port}", ip="127.0.0.1")
                        for port, b in zip(self.agents, self.backends)]
        self.listed = [f"127.0.0.1:{port} name={name}" for port, name in zip(self.agents, names)]
        return self.balance(every=every, sink=sink)

    def balance(self, every="1s", sink=None):
        self.watching = self.lb(self.listed, "--no-forward", "--flap-hold", "0", "--liveness-interval", "100ms",
                                "--sink", sink or self.sink(f"every={every}"))
        return self.watching

    def lines(self, down=()):
        return HEAD + "upstream be {\n" + "".join(
            f"server 127.0.0.1:{b.port} weight=10{' down' if b.name in down else ''}; # {b.name}\n" for b in self.backends) + "}\n"

    def wait_lines(self, down=()):
        self.wait(lambda: self.content() == self.lines(down), f"wanted: {self.lines(down)}")

    def served(self):
        """Who answers through nginx, asked often enough for each to have its turn."""
        found = set()
        for _ in range(3 * len(self.backends)):
            with socket.create_connection(("127.0.0.1", self.front), timeout=10 * SLOW) as s:
                s.settimeout(10 * SLOW)
                found.add(read_line(s))
        return found

    def wait_served(self, *names):
        self.wait(lambda: self.served() == set(names), f"wanted: {names}")

    def wait_settled(self):
        """The reload that failed while nginx did not run was tried again.  (nginx may have let it pass: while it begins.)"""
        self.wait(lambda: not (self.dir / "be.conf.before").exists(), "the reload is not over")

    def test_a_server_that_dies_gets_no_more_connections_and_a_new_one_does(self):
        lb = self.watch("a", "b", "c")
        self.wait_lines()  # while nginx does not run: so that it can begin
        self.nginx()
        self.wait_served("a", "b", "c")
        self.wait_settled()
        before = self.reloads()
        self.servers[1].kill()
        lb.wait_event("down", within=10)
        at = time.monotonic()
        self.wait(lambda: self.reloads() > before, "nginx was not told")
        print(f"from the verdict to the reload of nginx: {(time.monotonic() - at) * 1000:.0f} ms")
        self.wait_lines(down="b")
        self.wait_served("a", "c")
        self.servers[1] = self.server(self.agents[1], "--service", f"tcp:{self.backends[1].port}", ip="127.0.0.1")
        self.wait_lines()
        self.wait_served("a", "b", "c")
        self.assertFalse((self.dir / "be.conf.before").exists())

    def test_somebody_elses_mistake_puts_the_old_file_back_and_is_said(self):
        lb = self.watch("a", "b")
        self.wait_lines()
        self.nginx()
        self.wait_served("a", "b")
        self.wait_settled()
        self.other.write_text("not_a_directive on;\n")
        self.servers[0].kill()
        lb.wait_event("down", within=10)
        self.wait(lambda: "not_a_directive" in lb.errors(), "nothing was said")
        self.assertIn(f'unknown directive "not_a_directive" in {self.other}:1; the old file was put back', lb.errors())
        self.wait(lambda: self.content() == self.lines(), "the old file is not back")
        self.assertEqual(self.served() - {""}, {"a", "b"})  # nginx goes on
        self.other.write_text("")
        self.wait_lines(down="a")
        self.wait_served("b")
        self.wait(lambda: "works again" in lb.errors(), "nobody said that it works again")

    def test_nginx_is_left_alone_while_nothing_changes_for_it(self):
        lb = self.watch("a", "b")
        self.wait_lines()
        self.nginx()
        self.wait_served("a", "b")
        self.wait_settled()
        before = self.reloads()
        self.assert_stops(lb)
        lb = self.balance()  # the same servers: the file is what it is to be
        lb.wait_status(lambda s: s["up"] == 2, 10)
        self.servers[0].kill()
        lb.wait_event("down", within=10)
        self.wait_lines(down="a")
        self.wait_served("b")
        # (a machine that stalls may cost a verdict more)
        changes = [e for e in lb.events() if "down" in (e["from"], e["to"])]
        self.assertIn(self.reloads() - before, range(1, len(changes) + 1), self.log() + lb.errors())

    def test_a_file_of_somebody_else_is_not_replaced(self):
        self.path.write_text("upstream be { server 127.0.0.1:1; }\n")
        lb = self.watch("a")
        self.wait(lambda: "was not written by a sink of this kind" in lb.errors(), "nothing was said")
        self.assertEqual(self.content(), "upstream be { server 127.0.0.1:1; }\n")
        self.assertEqual(sorted(p.name for p in self.dir.glob("be.conf*")), ["be.conf"])
        self.path.unlink()
        self.wait_lines()

    def test_a_command_that_is_not_there_is_said_and_one_that_hangs_holds_up_nothing(self):
        lb = self.watch("a", sink=f"nginx {self.path} test='/no/such/nginx -t' reload=true every=1s")
        self.wait(lambda: "/no/such/nginx -t: failed with exit status 127" in lb.errors(), "nothing was said")
        self.assertEqual(self.content(), "")  # there was none before
        self.assert_stops(lb)
        lb = self.balance(sink=f"nginx {self.path} test='touch {self.dir}/begun; exec sleep 1000' reload=true every=1s")
        self.wait((self.dir / "begun").exists, "the test was not begun")
        self.servers[0].kill()
        lb.wait_event("down", within=10)  # meanwhile nobody waits for it
        self.assert_stops(lb)
