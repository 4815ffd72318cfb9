#!/usr/bin/env python3
"""Takes the pictures of the page that the documentation shows: a real load balancer before a fleet of 400.

    screenshots.py BUILD [DIRECTORY]

BUILD is a build directory with bench/fleet in it; the pictures go to docs/ or DIRECTORY.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from lib.admin import ask  # noqa: E402
from lib.browser import Browser  # noqa: E402
from lib.case import free_port  # noqa: E402
import socket  # noqa: E402

SERVERS = 400


def fleet(build, directory, environment):
    process = subprocess.Popen([build / "bench" / "fleet" / "qhcp-fleet", "--servers", str(SERVERS), "--list", directory / "list"],
                               stdin=subprocess.PIPE, text=True, env=environment)
    while not (directory / "list").is_file():
        time.sleep(0.05)
    lines = (directory / "list").read_text(encoding="ascii").split()
    names = [f"{address} name={'web' if i < 280 else 'db' if i < 330 else 'cache'}{i + 1}" for i, address in enumerate(lines)]
    (directory / "list").write_text("\n".join(names) + "\n", encoding="ascii")
    return process


def tell(process, *commands):
    for command in commands:
        process.stdin.write(command + "\n")
    process.stdin.flush()


def wait_up(admin, n):
    while ask(admin, "GET", "/api/v1/self").json["servers"]["up"] < n:
        time.sleep(0.2)


def take(url, directory, name, hash_="", width=1280, height=860, dark=False):
    browser = Browser(width, height)
    try:
        browser.open(url)
        browser.run(f"localStorage.setItem('qhcp-theme', '{'dark' if dark else 'light'}')")
        browser.open(url + hash_)
        if hash_:
            browser.run("location.reload()")
        browser.wait("document.querySelector('#health').dataset.state !== ''")
        time.sleep(6 if hash_ else 2)  # for a curve
        browser.screenshot(directory / name)
    finally:
        browser.close()


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    out = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "docs"
    with tempfile.TemporaryDirectory(prefix="qhcp-screenshots-") as name:
        directory = pathlib.Path(name)
        environment = {**os.environ, "QHCP_STATE_DIR": str(directory / "state")}
        members = fleet(build, directory, environment)
        port, admin = free_port(socket.SOCK_STREAM), directory / "admin.sock"
        lb = subprocess.Popen([build / "qhcp", "lb", "--servers", f"@{directory / 'list'}", "--no-forward", "--id", "lb1", "--status-format", "none",
                               "--liveness-interval", "200ms", "--admin", f"127.0.0.1:{port}", "--admin", f"unix:{admin}", "--log-level", "error"],
                              env=environment)
        try:
            while not admin.is_socket():
                time.sleep(0.05)
            wait_up(admin, SERVERS)
            tell(members, "set cpu_usage_percent=37", "set cpu_usage_percent=91 41-46", "degrade 41-46", "drain 300", "silent 17,133,288")
            ask(admin, "POST", "/api/v1/servers/web57/maintenance", {"reason": "new disk", "for": "2h"})
            ask(admin, "POST", "/api/v1/servers/db290/drain", {"reason": "kernel"})
            time.sleep(3)
            tell(members, "back 288")
            time.sleep(2)
            url = f"http://127.0.0.1:{port}/"
            where = "#/server/" + ask(admin, "GET", "/api/v1/servers/web17").json["server"].replace(":", "%3A")
            take(url, out, "page.png")
            take(url, out, "page-dark.png", dark=True)
            take(url, out, "page-server.png", where)
            take(url, out, "page-phone.png", width=500, height=900)
        finally:
            for process in (lb, members):
                process.terminate()
                process.wait()


if __name__ == "__main__":
    main()
