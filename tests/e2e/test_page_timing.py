"""The page with thousands of servers, in a real browser: how long it loads, and what each second costs."""

import time
import unittest

from lib.browser import DRIVER, Browser
from lib.case import SLOW, Case
from lib.large_fleet import LargeFleet

ALL_THERE = "document.querySelector('#counts') ? document.querySelector('#counts').textContent : ''"


@unittest.skipUnless(DRIVER, "chromium-driver is not installed")
class PageSize(unittest.TestCase):
    def browse(self, n, rate):
        """n servers in a browser; how long that took."""
        fleet = LargeFleet(n, rate)
        self.addCleanup(fleet.close)
        browser = Browser()
        self.addCleanup(browser.close)
        browser.open("about:blank")
        browser.command("Performance.enable", timeDomain="threadTicks")
        begun = time.monotonic()
        browser.open(fleet.url)
        browser.wait("document.querySelector('#counts').textContent", wanted=lambda text: f"{n:,} up" in text)
        return fleet, browser, time.monotonic() - begun

    def busy(self, browser):
        """Seconds of a processor that the page's main thread has used."""
        metrics = browser.command("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in metrics if m["name"] == "TaskDuration")

    def test_ten_thousand_servers_are_there_within_a_second(self):
        _, browser, took = self.browse(10000, 0)
        busy, elements = self.busy(browser), browser.run("return document.querySelectorAll('*').length")
        print(f"10,000 servers: there after {took * 1000:.0f} ms, {busy * 1000:.0f} ms of the main thread, {elements} elements")
        self.assertLess(busy, 1 * SLOW)
        self.assertLess(elements, 1000)
        self.assertEqual(browser.log(), [])

    def test_thirty_changes_a_second_cost_the_main_thread_less_than_a_tenth(self):
        fleet, browser, _ = self.browse(3000, 30)
        fleet.start()
        browser.wait("document.querySelectorAll('#news-rows time').length > 0")
        browser.wait("document.querySelectorAll('#news-rows time').length >= 50")

        def share():
            before, begun, sent = self.busy(browser), time.monotonic(), fleet.sent
            while fleet.sent < sent + 90:
                browser.run("return 0")
                time.sleep(0.1)
            took = time.monotonic() - begun
            busy = (self.busy(browser) - before) / took
            print(f"3,000 servers, {(fleet.sent - sent) / took:.0f} changes a second: {busy * 1000:.0f} ms of the main thread a second")
            return busy

        Case.assert_soon(self, share, 0.1 * SLOW)
        self.assertEqual(browser.log(), [])
