"""A real Chromium without a window, spoken to by WebDriver (https://www.w3.org/TR/webdriver2/)."""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request

from lib.case import SLOW, free_port
from lib.process import PATIENCE

DRIVER = shutil.which("chromedriver")


class Browser:
    def __init__(self, width=1280, height=900, dark=False, insecure=False):
        self.profile = tempfile.TemporaryDirectory(prefix="qhcp-browser-", ignore_cleanup_errors=True)
        port = free_port()
        self.driver = subprocess.Popen([DRIVER, f"--port={port}", "--log-level=OFF"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--no-first-run", "--disable-background-networking", "--disable-component-update",
                     f"--user-data-dir={self.profile.name}", f"--window-size={width},{height}"]
        if dark:
            arguments.append("--force-dark-mode")
        deadline = time.monotonic() + 30 * SLOW
        while True:
            try:
                answer = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {
                    "browserName": "chrome", "acceptInsecureCerts": insecure, "goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}}})
                break
            except OSError:
                if time.monotonic() > deadline:
                    self.driver.kill()
                    raise
                time.sleep(0.05)  # it listens soon
        self.base += f"/session/{answer['sessionId']}"

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60 * SLOW) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """The value of a script's `return`."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def command(self, name, **params):
        """Of the Chrome DevTools Protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": name, "params": params})

    def wait(self, script, within=10, wanted=bool):
        """The first value of an expression that is wanted."""
        within = max(within * SLOW, PATIENCE)
        deadline = time.monotonic() + within
        while not wanted(value := self.run(f"return ({script});")):
            if time.monotonic() > deadline:
                raise AssertionError(f"still {value!r} after {within} s: {script}")
            time.sleep(0.02)
        return value

    def element(self, selector):
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{next(iter(found.values()))}"

    def type(self, selector, text):
        """As somebody who takes out what is there, types, and goes on to the next field."""
        element = self.element(selector)
        self.ask("POST", element + "/clear", {})
        self.ask("POST", element + "/value", {"text": text + "\t"})

    def click(self, selector):
        self.ask("POST", self.element(selector) + "/click", {})

    def log(self):
        """What the console has said of the page since the last call (of Chromium's own first page it says things too)."""
        entries = [entry["message"] for entry in self.ask("POST", "/se/log", {"type": "browser"})]
        return [entry for entry in entries if not entry.startswith("chrome")]

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))

    def size(self, width, height):
        self.ask("POST", "/window/rect", {"width": width, "height": height})

    def close(self):
        try:
            self.ask("DELETE", "")
        except OSError:
            pass
        self.driver.terminate()
        self.driver.wait(10)
        self.profile.cleanup()
