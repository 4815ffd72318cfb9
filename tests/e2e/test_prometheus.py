"""/metrics: what Prometheus's own tools say of it, and a real Prometheus that scrapes it."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

from lib.admin import AdminCase
from lib.case import SLOW, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = "127.0.0.1:4243"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def families(text):
    return re.findall(r"(?m)^# TYPE (\S+) ", text)


class Metrics(AdminCase):
    def metrics(self, query="", **headers):
        answer = self.get("/metrics" + query, **headers)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.text

    def samples(self, text):
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def promtool(self, text):
        done = subprocess.run([shutil.which("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=60 * SLOW)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), text)

    def test_promtool_is_content_with_each_family_and_with_all(self):
        server, lb = self.pair()
        every = self.metrics("?name[]=*")
        self.promtool(every)
        self.promtool(self.metrics())
        names = families(every)
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 25)
        for name in names:
            alone = self.metrics("?name[]=" + name)
            self.promtool(alone)
            self.assertEqual(families(alone), [name])
        both = self.metrics(f"?name[]={names[-1]}&name[]={names[0]}&name[]={names[-1]}")
        self.promtool(both)
        self.assertEqual(families(both), [names[0], names[-1]])

    def test_what_it_says_of_a_server_and_of_itself(self):
        server, lb = self.pair("--id", "lb\\ \"1\"")
        found = self.samples(self.metrics("?name[]=*"))
        this = f'{{server="{NAME}"}}'
        self.assertEqual((found["qhcp_server_healthy" + this], found["qhcp_server_state" + this], found["qhcp_server_share_ratio" + this]), ("1", "1", "1"))
        self.assertEqual(found['qhcp_lb_servers{state="up"}'], "1")
        self.assertLess(float(found["qhcp_lb_watching_age_seconds"]), 3)
        self.assertLess(float(found["qhcp_lb_newest_report_age_seconds"]), 5 * SLOW)
        self.assertTrue(any(line.startswith('qhcp_lb_info{id="lb\\\\ \\"1\\""') for line in found), found)
        self.assertLess(0, float(found["qhcp_server_cpu_usage_ratio" + this]) + float(found["qhcp_server_memory_usage_ratio" + this]))
        server.kill()
        lb.wait_event("down", within=5)
        found = self.samples(self.metrics())
        self.assertEqual((found["qhcp_server_healthy" + this], found["qhcp_server_state" + this]), ("0", "5"))
        self.assertEqual(len([line for line in found if line.startswith("qhcp_server_")]), 7)  # eight, but there is nothing to forward to

    def test_open_metrics_for_those_who_accept_it(self):
        self.pair()
        text = self.metrics(Accept=OPEN_METRICS)
        self.assertTrue(text.endswith("\n# EOF\n"))
        self.assertIn("# TYPE qhcp_server_checks_sent counter\n", text)
        self.assertIn("# UNIT qhcp_server_round_trip_seconds seconds\n", text)
        self.assertIn("# TYPE qhcp_lb info\n", text)
        self.assertEqual(self.get("/metrics", Accept=OPEN_METRICS).headers["Content-Type"], OPEN_METRICS + "; charset=utf-8")
        self.assertNotIn("EOF", self.metrics())

    def test_above_a_number_of_servers_each_is_left_out_unless_asked_for(self):
        self.server(4243)
        for most, left_out in (("1", "2"), ("2", "0")):
            with self.subTest(most=most):
                lb = self.lb([NAME, "127.0.0.1:1"], "--admin", f"127.0.0.1:{self.PORT}", "--metrics-servers", most)
                lb.wait_event("up", within=10)
                found = self.samples(self.metrics())
                self.assertEqual(found["qhcp_lb_servers_left_out"], left_out)
                self.assertEqual(any(line.startswith("qhcp_server_") for line in found), left_out == "0")
                self.assertEqual(len(self.samples(self.metrics("?name[]=qhcp_server_healthy"))), 2)
                lb.stop(signal.SIGTERM, 5 * SLOW)

    def test_a_name_that_is_no_family_is_refused(self):
        self.pair()
        for query, status in (("?name[]=qhcp_server_healthy", 200), ("?name[]=qhcp_server_healthier", 400), ("?name[]=", 400), ("?name=qhcp_server_healthy", 400)):
            self.assertEqual(self.get("/metrics" + query).status, status, query)

    def test_documents_alerts_and_dashboard_use_exactly_these_names(self):
        self.pair()
        known = set(families(self.metrics("?name[]=*")))
        documented = set(re.findall(r"(?m)^\| `(qhcp_(?:lb|server|sink)_[a-z_]+)` \|", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")))
        self.assertEqual(documented, known)
        for name in ("qhcp-alerts.yml", "qhcp-grafana.json"):
            used = set(re.findall(r"qhcp_(?:lb|server|sink)_[a-z_]+", (ROOT / "contrib" / name).read_text(encoding="utf-8")))
            self.assertGreater(len(used), 5)
            self.assertEqual({re.sub("_bucket$", "", n) for n in used} - known, set(), name)
        done = subprocess.run([shutil.which("promtool"), "check", "rules", ROOT / "contrib" / "qhcp-alerts.yml"], capture_output=True, text=True, timeout=60 * SLOW)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads((ROOT / "contrib" / "qhcp-grafana.json").read_text(encoding="utf-8"))["title"], "QHCP")

    def test_a_real_prometheus_scrapes_it(self):
        server, lb = self.pair()
        port = free_port()
        config = self.dir / "prometheus.yml"
        config.write_text(json.dumps({"scrape_configs": [{"job_name": "qhcp", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{self.PORT}"]}]}]}))
        with open(self.dir / "prometheus.log", "wb") as log:
            prometheus = subprocess.Popen([shutil.which("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={self.dir / 'tsdb'}",
                                           f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
        self.addCleanup(prometheus.wait)
        self.addCleanup(prometheus.terminate)
        expression = urllib.parse.quote(f'qhcp_server_checks_answered_total{{server="{NAME}"}} > 0 and on(server) qhcp_server_healthy == 1')
        deadline = time.monotonic() + 30 * SLOW
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={expression}", timeout=10) as answer:
                    if json.load(answer)["data"]["result"]:
                        return
            except OSError:
                pass  # it is not up yet
            self.assertLess(time.monotonic(), deadline, (self.dir / "prometheus.log").read_text())
            time.sleep(0.1)
