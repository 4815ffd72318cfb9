"""The processes of the measurement, in a network namespace of its own: servers (nginx over HTTP, each with a
qhcp agent), the three proxies, and wrk.

The proxy under test has a processor for itself; servers, agents and wrk share another."""

import http.client
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE.parent.parent / "tests" / "e2e")]
from lib.case import Lb  # noqa: E402  (the harness of the end-to-end tests)
from lib.net import isolate  # noqa: E402
from lib.process import Process  # noqa: E402

QHCP = os.environ.get("QHCP_BINARY", "")
PROXY_CPU, REST_CPU = 0, 1
BACKENDS, AGENTS = 8001, 7001  # ports of the first one each
SMALL = "x" * 100
BULK = 64 << 20
FILES = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1] % (1 << 63), 100000)  # that a process may have open
MOST = FILES * 7 // 16 - 500  # connections that a proxy can have, with two each (ours keeps an eighth for pipes)

BACKEND = """
daemon off; master_process off; pid {dir}/pid; error_log {dir}/errors; worker_rlimit_nofile {files_max};
events {{ worker_connections 50000; }}
http {{
    access_log off; default_type text/plain; sendfile on; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir};
    scgi_temp_path {dir};
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /small {{ return 200 "{small}"; }}
        location / {{ root {files}; gzip on; gzip_comp_level 9; gzip_types text/plain; }}
    }}
}}
"""

NGINX = """
daemon off; worker_processes 1; pid {dir}/pid; error_log {dir}/errors; worker_rlimit_nofile {files_max};
events {{ worker_connections 50000; }}
stream {{
    upstream servers {{ {servers} }}
    server {{ listen 127.0.0.1:{port} backlog=4096; proxy_pass servers; }}
    server {{ listen 127.0.0.1:{bulk} backlog=4096; proxy_pass servers; proxy_buffer_size 64k; }}
}}
"""
# Debian builds the stream module apart.
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

HAPROXY = """
global
    nbthread 1
    maxconn {most}
    maxpipes 100
defaults
    mode tcp
    timeout connect 3s
    timeout client 600s
    timeout server 600s
listen small
    bind 127.0.0.1:{port} backlog 4096
    balance {balance}
{servers}
listen bulk
    bind 127.0.0.1:{bulk} backlog 4096
    option splice-request
    option splice-response
    balance {balance}
{servers}
"""


class Proxy:
    """One of the three, in front of all servers.  port: as is; bulk: set for bulk, at its best."""

    def __init__(self, world, name, process, port, bulk):
        self.world, self.name, self.process, self.port, self.bulk = world, name, process, port, bulk

    def pids(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [self.process.pid, *map(int, children.split())]

    def cpu(self):
        """Nanoseconds that its threads have run."""
        return sum(int((task / "schedstat").read_text().split()[0])
                   for pid in self.pids() for task in Path(f"/proc/{pid}/task").iterdir())

    def memory(self):
        """Bytes of its own and its part of what is shared."""
        return sum(int(line.split()[1]) << 10 for pid in self.pids()
                   for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                   if line.startswith("Pss:"))


class World:
    def __init__(self, directory, quick=False):
        if not isolate():
            raise RuntimeError("this machine lets us make no network namespace")
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        self.dir, self.quick = directory, quick
        self.children, self.next_port = [], 9001
        (directory / "bulk").write_bytes(bytes(BULK))
        (directory / "work").write_bytes(b"".join(b"%d of many lines\n" % (i * 7919) for i in range(4000)))

    def start(self, name, command, kind=Process, cpu=REST_CPU, env=None, cgroup=None):
        env = {**os.environ, "QHCP_STATE_DIR": str(self.dir / "state"), **(env or {})}
        command = ["taskset", "-c", str(cpu), *map(str, command)]
        if cgroup:
            command = ["sh", "-c", f"echo $$ >{cgroup}/cgroup.procs && exec \"$@\"", "sh", *command]
        child = kind(command, name=name, log=self.dir / f"{name}.log", env=env)
        self.children.append(child)
        return child

    def own_dir(self, name):
        directory = self.dir / name
        directory.mkdir(exist_ok=True)
        return directory

    def backend(self, i, cgroup=None):
        directory = self.own_dir(f"backend{i}")
        config = directory / "conf"
        config.write_text(BACKEND.format(dir=directory, port=BACKENDS + i, small=SMALL, files=self.dir, files_max=FILES))
        child = self.start(f"backend{i}", ["nginx", "-c", config, "-e", directory / "errors"], cgroup=cgroup)
        self.until(lambda: answers(BACKENDS + i))
        return child

    def agent(self, i, *arguments, cgroup=None):
        return self.start(f"agent{i}", [QHCP, "server", "--ip", "127.0.0.1", "--port", AGENTS + i, "--service",
                                        f"tcp:{BACKENDS + i}", *arguments], cgroup=cgroup)

    def ports(self):
        self.next_port += 2
        return self.next_port - 2, self.next_port - 1

    def qhcp(self, n, *arguments, name="QHCP", port=None, base=0):
        if port is None:
            port, _ = self.ports()
        servers = ",".join(f"127.0.0.1:{AGENTS + base + i}" for i in range(n))
        child = self.start(name, [QHCP, "lb", "--servers", servers, "--port", port, "--threads", 1,
                                  "--max-connections", MOST, "--max-per-source", MOST, "--status-format", "json", "--slow-start", 0,
                                  "--status-interval", "100ms" if self.quick else "500ms", "--flap-hold", 0, *arguments], kind=Lb, cpu=PROXY_CPU)
        child.wait_status(lambda s: s["up"] == n, 20)
        time.sleep(0.1)  # the forwarder's table follows within 5 ms; nothing tells
        return Proxy(self, name, child, port, port)

    def haproxy(self, n, balance="roundrobin", base=0):
        port, bulk = self.ports()
        config = self.own_dir("haproxy") / f"conf{port}"
        servers = "\n".join(f"    server s{i} 127.0.0.1:{BACKENDS + i} check inter 1s" for i in range(base, base + n))
        config.write_text(HAPROXY.format(port=port, bulk=bulk, servers=servers, balance=balance, most=MOST))
        child = self.start("HAProxy", ["haproxy", "-db", "-f", config], cpu=PROXY_CPU)
        proxy = Proxy(self, "HAProxy", child, port, bulk)
        self.until(lambda: answers(port))
        return proxy

    def nginx(self, n):
        port, bulk = self.ports()
        directory = self.own_dir("nginx")
        config = directory / "conf"
        module = f"load_module {STREAM_MODULE};" if STREAM_MODULE.exists() else ""
        servers = " ".join(f"server 127.0.0.1:{BACKENDS + i};" for i in range(n))
        config.write_text(module + NGINX.format(dir=directory, port=port, bulk=bulk, servers=servers, files_max=FILES))
        child = self.start("nginx", ["nginx", "-c", config, "-e", directory / "errors"], cpu=PROXY_CPU)
        self.until(lambda: answers(port))
        return Proxy(self, "nginx", child, port, bulk)

    def until(self, condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise RuntimeError("\n".join(c.story() for c in self.children[-2:]))

    def end(self, *children):
        for child in children:
            child = child.process if isinstance(child, Proxy) else child
            child.close()
            self.children.remove(child)

    def close(self):
        self.end(*self.children[:])


class Load:
    """wrk under way: result() waits for its end."""

    def __init__(self, port, path, seconds, connections, pause=0, close=False, gzip=False, timeout="5s"):
        headers = (["-H", "Connection: close"] if close else []) + (["-H", "Accept-Encoding: gzip"] if gzip else [])
        self.seconds = seconds
        self.process = subprocess.Popen(
            ["taskset", "-c", str(REST_CPU), "wrk", "-t", "1", "-c", str(connections), "-d",
             f"{seconds}s", "--timeout", timeout, *headers, "-s", str(HERE / "load.lua"),
             f"http://127.0.0.1:{port}/{path}"], env={**os.environ, "PAUSE": str(pause)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def result(self):
        out, errors = self.process.communicate(timeout=self.seconds + 60)
        lines = [line for line in out.splitlines() if line.startswith("{")]
        if not lines:
            return {"requests": 0, "failed": -1, "why": errors.strip() or out}
        r = json.loads(lines[0])
        r["failed"] = r["connect"] + r["read"] + r["write"] + r["timeout"] + r["status"]
        r["rate"] = r["requests"] * 1e6 / max(r["us"], 1)
        return r


def answers(port):
    """A server is reached through this port."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", "/small")
        return connection.getresponse().status == 200
    except OSError:
        time.sleep(0.02)
        return False
    finally:
        connection.close()


def wrk(port, path, **options):
    return Load(port, path, **options).result()
