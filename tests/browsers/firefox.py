"""A real Firefox without a window, spoken to by Marionette, the protocol below WebDriver: JSON arrays over TCP, each
behind its length (https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html).  Debian has no geckodriver."""

import base64
import json
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from lib.browser import Browser
from lib.case import SLOW, free_port

# What scripts of pages have thrown, and what a content security policy has refused.
SAID = """
const said = Services.console.getMessageArray().filter(m => m instanceof Ci.nsIScriptError
    && /^https?:/.test(m.sourceName) && !(m.flags & Ci.nsIScriptError.warningFlag)).map(m => m.errorMessage);
Services.console.reset();
return said;
"""
TAB = "\ue004"  # of WebDriver


class Firefox(Browser):
    def __init__(self, width=1280, height=900, dark=False, insecure=False):
        self.profile = tempfile.TemporaryDirectory(prefix="qhcp-browser-", ignore_cleanup_errors=True)
        port = free_port()
        prefs = {"marionette.port": port, "ui.systemUsesDarkTheme": int(dark), "datareporting.policy.dataSubmissionEnabled": False,
                 "browser.startup.page": 0, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False}
        Path(self.profile.name, "user.js").write_text(
            "".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in prefs.items()), encoding="ascii")
        self.driver = subprocess.Popen(["firefox-esr", "--headless", "--marionette", "--remote-allow-system-access", "--no-remote",
                                        "--profile", self.profile.name, f"--width={width}", f"--height={height}", "about:blank"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number = 0
        deadline = time.monotonic() + 30 * SLOW
        while True:
            try:
                self.socket = socket.create_connection(("127.0.0.1", port), timeout=60 * SLOW)
                break
            except OSError:
                if time.monotonic() > deadline:
                    self.driver.kill()
                    raise
                time.sleep(0.05)  # it listens soon
        self.answers = self.socket.makefile("rb")
        self.hear()  # who it is
        self.say("WebDriver:NewSession", acceptInsecureCerts=insecure)
        self.size(width, height)

    def hear(self):
        length = b""
        while (digit := self.answers.read(1)) != b":":
            assert digit, "Firefox has ended"
            length += digit
        return json.loads(self.answers.read(int(length)))

    def say(self, command, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.socket.sendall(b"%d:%s" % (len(text), text))
        _, number, error, result = self.hear()
        assert number == self.number and not error, (command, error)
        return result["value"] if isinstance(result, dict) and set(result) == {"value"} else result

    def open(self, url):
        self.say("WebDriver:Navigate", url=url)

    def run(self, script, *arguments):
        return self.say("WebDriver:ExecuteScript", script=script, args=list(arguments))

    def element(self, selector):
        return next(iter(self.say("WebDriver:FindElement", using="css selector", value=selector).values()))

    def type(self, selector, text):
        element = self.element(selector)
        self.say("WebDriver:ElementClear", id=element)
        self.say("WebDriver:ElementSendKeys", id=element, text=text + TAB)

    def click(self, selector):
        self.say("WebDriver:ElementClick", id=self.element(selector))

    def log(self):
        self.say("Marionette:SetContext", value="chrome")
        said = self.run(SAID)
        self.say("Marionette:SetContext", value="content")
        return said

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.say("WebDriver:TakeScreenshot", full=False)))

    def size(self, width, height):
        self.say("WebDriver:SetWindowRect", width=width, height=height)

    def close(self):
        try:
            self.say("Marionette:Quit", flags=["eForceQuit"])
        except (OSError, AssertionError):
            pass
        self.socket.close()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            self.driver.wait()
        self.profile.cleanup()
