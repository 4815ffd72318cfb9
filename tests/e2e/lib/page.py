"""What the page must do in every browser, before a real load balancer."""

import re
import time

from lib.case import SLOW

NAME = "127.0.0.1:4243"


def contrast(*colours):
    """Of two colours, "rgb(R, G, B)": WCAG 2.2's contrast ratio."""
    def luminance(colour):
        parts = [int(n) / 255 for n in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted(map(luminance, colours))
    return (high + 0.05) / (low + 0.05)


class EveryBrowser:
    """Before AdminCase among the bases; browser(**options) is the test file's own."""

    def browse(self, *arguments, path="/", **options):
        server, lb = self.pair("--liveness-interval", "100ms", *arguments)
        deadline = time.monotonic() + 10 * SLOW
        while self.get("/api/v1/history").status != 200:  # it begins a moment after the load balancer
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        browser = self.browser(**options)
        browser.open(f"http://127.0.0.1:{self.PORT}{path}")
        return server, lb, browser

    def text(self, browser, selector, wanted, within=10):
        """Waits until an element's text has these words."""
        return browser.wait(f"document.querySelector('{selector}')?.textContent ?? ''", within, lambda text: wanted in text)

    def test_a_server_that_is_killed_is_seen_within_a_second_without_a_reload(self):
        server, lb, browser = self.browse("--flap-hold", "0")
        self.text(browser, "#counts", "1 up")
        self.text(browser, "#bad-title", "none")
        self.text(browser, "#health", "this load balancer is well")
        self.text(browser, "#traffic-rows", "No connection goes through")
        self.assertLess(browser.run("return document.querySelector('#traffic-rows .none').offsetHeight"), 30)  # one line
        browser.run("window.notLoadedAgain = true")
        servers = [server]

        def seen():
            at = len(lb.lines)
            servers[-1].kill()
            lb.wait_event("down", within=5, since=at)
            began = time.monotonic()
            self.text(browser, "#counts", "1 down")
            row = self.text(browser, "#bad-rows", NAME)
            self.assertRegex(row, rf"{NAME}\d+ sdown: (no answer to|port unreachable)")
            self.text(browser, "#news-rows", "up → down")
            took = time.monotonic() - began
            servers.append(self.server(4243))
            lb.wait_event("up", within=10, since=at)
            self.text(browser, "#counts", "1 up")
            return took

        self.assert_soon(seen, 1)
        self.assertTrue(browser.run("return window.notLoadedAgain"))
        self.assertEqual(browser.log(), [])

    def test_one_server_with_its_three_truths_evidence_and_curves(self):
        server, lb, browser = self.browse(path=f"/#/server/{NAME}")
        self.text(browser, "#server", "Its agent saysserving")
        browser.wait("document.querySelectorAll('#server .chart canvas').length >= 6")
        server.kill()
        lb.wait_event("down", within=5)
        self.text(browser, "#server", "We founddown")
        self.text(browser, "#server", "Evidence of its last failure")
        browser.wait("document.querySelector('#checks')?.getAttribute('aria-label') ?? ''", wanted=lambda text: "ms before" in text)
        browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
        browser.wait("document.querySelector('#server').hidden && location.hash === ''")
        self.assertEqual(browser.log(), [])

    def test_search_keyboard_both_themes_and_an_address_that_names_no_server(self):
        _, _, browser = self.browse(path="/#/server/%")
        self.text(browser, "#server", "% is no longer watched")
        self.text(browser, "#counts", "1 up")
        browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
        browser.wait("document.querySelector('#server').hidden")
        browser.log()  # of the server that is not there
        browser.run("const s = document.querySelector('#search'); s.value = 'nothing'; s.dispatchEvent(new Event('input'))")
        self.text(browser, "#bad-rows", "Of those that you search")
        browser.run("const s = document.querySelector('#search'); s.value = '4243'; s.dispatchEvent(new Event('input')); "
                    "document.querySelector('#grid').dispatchEvent(new KeyboardEvent('keydown', {key: 'Home'}))")
        self.text(browser, "#grid-tip", f"{NAME}: up for")
        browser.run("document.querySelector('#grid').dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))")
        self.text(browser, "#server", "Its agent saysserving")
        colours = set()
        for _ in range(2):
            browser.run("document.querySelector('#theme').click()")
            colours.add(browser.run("return getComputedStyle(document.body).backgroundColor"))
            alarm = browser.run("const h = document.querySelector('#health'); h.dataset.state = 'bad'; "
                                "const s = getComputedStyle(h); return [s.color, s.backgroundColor]")
            self.assertGreaterEqual(contrast(*alarm), 4.5, alarm)  # what WCAG 2.2, 1.4.3 wants of text
        self.assertEqual(len(colours), 2)
        self.assertEqual(browser.log(), [])

    def act(self, browser, words, said, token=None, reason=None):
        """Presses a button of the server that is open, and waits for what the page says to it."""
        for name, text in (("Token of qhcp keys token --scope admin", token), ("Reason", reason)):
            if text is not None:
                browser.type(f"#server input[aria-label='{name}']", text)
        browser.run("[...document.querySelectorAll('#server .actions button')].find(b => b.textContent === arguments[0]).click()", words)
        return self.text(browser, "#server .actions + .said", said)

    def test_drain_and_back_with_a_token(self):
        """A token that is wrong, one that may only read, and one that may drain."""
        good, read = (self.token("--scope", scope, "--for", "1h", "--name", "ops-7") for scope in ("admin", "read"))
        _, lb, browser = self.browse(path=f"/#/server/{NAME}")
        self.text(browser, "#server", "Its agent saysserving")
        self.act(browser, "Drain", "Make one with: qhcp keys token --scope admin", reason="new kernel")
        self.act(browser, "Drain", "token refused: ", token=good[:-4] + "AAAA")
        self.assertEqual(browser.run("return sessionStorage.length"), 0)  # one may read without it, as before
        self.act(browser, "Drain", "this needs a token of the scope admin", token=read)
        self.assertEqual(self.get(f"/api/v1/servers/{NAME}").json["intent"]["use"], "in_use")
        self.act(browser, "Drain", "drain: done", token=good)
        self.text(browser, "#counts", "1 draining")
        self.text(browser, "#server", "Its operator wantsdrain: new kernelby token of ops-7 from 127.0.0.1:")
        self.text(browser, "#news-rows", "new kernel")
        intent = self.get(f"/api/v1/servers/{NAME}").json["intent"]
        self.assertEqual((intent["use"], intent["reason"]), ("drain", "new kernel"))
        self.assertRegex(intent["who"], r"^token of ops-7 from 127\.0\.0\.1:\d+$")
        self.act(browser, "Back in use", "undrain: done")
        self.text(browser, "#counts", "1 up")
        self.assertEqual(self.get(f"/api/v1/servers/{NAME}").json["intent"]["use"], "in_use")
        self.assertEqual(browser.run("return sessionStorage.getItem('qhcp-token')"), good)
        seen = browser.run("return [document.URL, document.cookie, JSON.stringify(localStorage), document.body.innerText, "
                           "...performance.getEntriesByType('resource').map(e => e.name)]") + browser.log()
        secret = good.rpartition(".")[2]
        self.assertNotIn(secret, "\n".join([*seen, *lb.lines, lb.errors(), self.get("/api/v1/events").text]))
