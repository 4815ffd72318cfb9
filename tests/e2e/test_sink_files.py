"""Sinks that keep a file: Envoy's endpoints, Prometheus' targets (also by HTTP), keepalived's number."""

import json
import shutil
import subprocess
import time
import urllib.request

from lib import envoy
from lib.admin import AdminCase
from lib.case import SLOW, free_port
from lib.net import die_with_parent, ip

PRIORITY, VIP = 51, "10.78.0.100"


class Files(AdminCase):
    def wait(self, look, what, within=20):
        """The first true answer of look(); what(): the words of a failure."""
        deadline = time.monotonic() + max(within * SLOW, 30)
        while not (found := look()):
            if time.monotonic() > deadline:
                self.fail(what())
            time.sleep(0.02)
        return found

    def content(self, name):
        path = self.dir / name
        return path.read_text() if path.exists() else ""

    def endpoints(self, name="be.json"):
        """Of each: priority, address, port and health.  (Its weight follows the load of the machine that runs this.)"""
        text = self.content(name)
        found = envoy.read(text)[1]["be"] if text else []
        for *_, port, _, weight in found:
            self.assertIn(weight, [10 * step * (3 if port == 4344 else 1) for step in range(1, 11)], text)
        return [place[:-1] for place in found]

    def fleet(self, *arguments, namespace=None):
        """Two servers that are up, and their load balancer, which does not forward."""
        self.servers = [self.server(port, "--service", f"tcp:{port + 100}", ip="127.0.0.1", namespace=namespace) for port in (4243, 4244)]
        lb = self.lb(["127.0.0.1:4243 name=a tags=x|y", "127.0.0.1:4244 name=b weight=3 priority=2"], "--no-forward",
                     "--slow-start", "0", "--flap-hold", "0", "--liveness-interval", "100ms", *arguments, namespace=namespace)
        lb.wait_status(lambda s: s["up"] == 2, 10)
        return lb

    def program(self, namespace, log, *command):
        def begin():
            with open(self.dir / log, "wb") as out:
                return subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, preexec_fn=lambda: die_with_parent(9))

        if namespace:
            with namespace:
                process = begin()
        else:
            process = begin()
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def test_envoy_finds_what_its_api_allows_moved_into_place(self):
        self.fleet("--sink", f"envoy {self.dir}/be.json cluster=be")
        both = [[0, "127.0.0.1", 4343, "HEALTHY"], [1, "127.0.0.1", 4344, "HEALTHY"]]
        self.wait(lambda: self.endpoints() == both, lambda: self.content("be.json"))
        before, version = (self.dir / "be.json").stat().st_ino, envoy.read(self.content("be.json"))[0]
        self.servers[0].kill()
        down = [[0, "127.0.0.1", 4343, "UNHEALTHY"], both[1]]
        self.wait(lambda: self.endpoints() == down, lambda: self.content("be.json"))
        self.assertNotEqual((self.dir / "be.json").stat().st_ino, before)  # Envoy looks at moves alone
        self.assertNotEqual(envoy.read(self.content("be.json"))[0], version)
        self.assertEqual([p.name for p in self.dir.glob("be.json*")], ["be.json"])

    def test_a_real_prometheus_finds_the_servers_by_file_and_by_http(self):
        self.fleet("--sink", f"file_sd {self.dir}/targets.json port=9100", "--admin", f"127.0.0.1:{self.PORT}")
        port, config = free_port(), self.dir / "prometheus.yml"
        config.write_text(json.dumps({"scrape_configs": [
            {"job_name": "file", "file_sd_configs": [{"files": [f"{self.dir}/targets.json"]}]},
            {"job_name": "http", "http_sd_configs": [{"url": f"http://127.0.0.1:{self.PORT}/api/v1/http_sd", "refresh_interval": "1s"}],
             "relabel_configs": [{"source_labels": ["__meta_qhcp_name"], "target_label": "server"}]}]}))
        self.program(None, "prometheus.log", shutil.which("prometheus"), f"--config.file={config}",
                     f"--storage.tsdb.path={self.dir}/tsdb", f"--web.listen-address=127.0.0.1:{port}")

        def targets():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/targets", timeout=10) as answer:
                    found = json.load(answer)["data"]["activeTargets"]
            except OSError:
                return None  # it is not up yet
            return {(t["labels"]["job"], t["discoveredLabels"]["__address__"], t["discoveredLabels"]["__meta_qhcp_name"],
                     t["discoveredLabels"].get("__meta_qhcp_tags", ""), t["labels"].get("server")) for t in found}

        wanted = {("file", "127.0.0.1:9100", "a", ",x,y,", None), ("file", "127.0.0.1:9100", "b", "", None),
                  ("http", "127.0.0.1:4343", "a", ",x,y,", "a"), ("http", "127.0.0.1:4344", "b", "", "b")}
        # two targets of one job that are the same after relabelling are one
        self.wait(lambda: {t[:2] for t in targets() or ()} == {t[:2] for t in wanted} and targets() <= wanted,
                  lambda: f"{targets()}\n{self.content('prometheus.log')}", within=60)

    def test_http_sd_says_what_it_does_not_know(self):
        self.fleet("--admin", f"127.0.0.1:{self.PORT}")
        answer = self.get("/api/v1/http_sd?port=9100")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "application/json"))
        self.assertEqual([group["targets"] for group in answer.json], [["127.0.0.1:9100"]] * 2)
        self.assertEqual(answer.json[0]["labels"]["__meta_qhcp_state"], "up")
        for query in ("?port=0", "?port=65536", "?port=", "?ports=1"):
            self.assertEqual(self.get("/api/v1/http_sd" + query).status, 400, query)

    def keepalived(self, namespace, name, number):
        """One that has VIP if its priority, 100 and the number in that file, is the highest."""
        config = self.dir / f"{name}.conf"
        config.write_text(f"""global_defs {{ vrrp_version 3 enable_script_security }}
track_file share {{ file "{number}" weight 1 }}
vrrp_script qhcp {{ script "/usr/bin/pgrep -x qhcp" interval 1 fall 1 rise 1 weight -100 user root }}
vrrp_instance q {{
    interface veth0
    state BACKUP
    virtual_router_id {PRIORITY}
    priority 100
    advert_int 0.1
    virtual_ipaddress {{ {VIP}/24 dev veth0 }}
    track_file {{ share }}
    track_script {{ qhcp }}
}}
""")
        self.program(namespace, f"{name}.log", shutil.which("keepalived"), "--vrrp", "--dont-fork", "--log-console", "--log-detail",
                     "--use-file", config, "--pid", self.dir / f"{name}.pid", "--vrrp_pid", self.dir / f"{name}.vrrp",
                     "--bfd_pid", self.dir / f"{name}.bfd")

    def has_vip(self, namespace):
        with namespace:
            return VIP in ip("-4", "address", "show", "dev", "veth0")

    def test_a_real_keepalived_moves_the_address_to_who_has_more_healthy_servers(self):
        one, two = self.namespace("one"), self.namespace("two")
        one.link(two, "10.78.0.1/24", "10.78.0.2/24")
        self.fleet("--sink", f"track-file {self.dir}/one.share", "--panic-threshold", "0", namespace=one)
        self.wait(lambda: self.content("one.share") == "100\n", lambda: self.content("one.share"))
        (self.dir / "two.share").write_text("70\n")
        self.keepalived(one, "one", self.dir / "one.share")
        self.keepalived(two, "two", self.dir / "two.share")
        self.wait(lambda: self.has_vip(one) and not self.has_vip(two), lambda: self.content("one.log") + self.content("two.log"))
        self.servers[0].kill()
        self.wait(lambda: self.content("one.share") == "50\n", lambda: self.content("one.share"))
        self.wait(lambda: self.has_vip(two) and not self.has_vip(one), lambda: self.content("one.log") + self.content("two.log"))
