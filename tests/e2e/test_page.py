"""The page of the admin interface, in a real browser, before a real load balancer."""

import signal
import unittest

from lib.admin import AdminCase
from lib.browser import DRIVER, Browser
from lib.case import SLOW
from lib.page import NAME, EveryBrowser


@unittest.skipUnless(DRIVER, "chromium-driver is not installed")
class Page(EveryBrowser, AdminCase):
    def browser(self, **options):
        browser = Browser(**options)
        self.addCleanup(browser.close)
        return browser

    def test_servers_that_the_brake_holds_are_not_well(self):
        """One of two may be called down: the other keeps its state."""
        other = self.server(4244)
        server, lb, browser = self.browse("--brake", "50%/600s", "--source", "list 127.0.0.1:4244")
        self.text(browser, "#counts", "2 up")
        for silent in (server, other):
            silent.send(signal.SIGSTOP)
        self.text(browser, "#bad-rows", "The brake HOLDS 1 server", within=20)
        self.text(browser, "#news-rows", "the brake HOLDS servers: 1 server is silent, and not called down yet")
        for silent in (server, other):
            silent.send(signal.SIGCONT)
        self.text(browser, "#news-rows", "the brake holds no server any more", within=20)
        self.text(browser, "#bad-title", "none", within=20)
        self.assertEqual(browser.log(), [])

    def test_what_a_server_says_is_text_and_never_html(self):
        words = "<img src=x onerror=document.title=1><b>bold</b>"
        _, lb, browser = self.browse(path=f"/#/server/{NAME}")
        self.assertEqual(self.qhcp("control", "drain", "--reason", words)[0], 0)
        lb.wait_event("draining", within=5)
        self.text(browser, "#bad-rows", words)
        self.text(browser, "#server", words)
        self.assertFalse(browser.run("return [...document.querySelectorAll('main img, aside img, b')].some(e => e.tagName === 'IMG' || e.textContent === 'bold')"))
        self.assertEqual(browser.log(), [])

    def test_a_load_balancer_that_is_gone_and_comes_back(self):
        _, lb, browser = self.browse()
        self.text(browser, "#counts", "1 up")
        lb.kill()
        self.text(browser, "#health", "the load balancer does not answer", within=15)
        lb = self.lb([NAME], "--admin", f"127.0.0.1:{self.PORT}")
        self.text(browser, "#health", "this load balancer is well", within=20 * SLOW)

    def test_where_reading_needs_a_token_the_page_asks_for_one(self):
        self.server(4243)
        good = self.token()
        self.lb([NAME], "--admin", f"0.0.0.0:{self.PORT}").wait_event("up", within=10)
        browser = self.browser(insecure=True)  # the certificate is of a CA that Chromium does not know
        browser.open(f"https://127.0.0.1:{self.PORT}/")
        self.text(browser, "#health", "this needs a token (qhcp keys token --scope read)")
        browser.type("#token", "x.y.z")
        self.text(browser, "#health", "token refused: ")
        browser.type("#token", good)
        self.text(browser, "#counts", "1 up")
        self.text(browser, "#health", "this load balancer is well")
        self.assertTrue(browser.run("return document.querySelector('#ask').hidden"))
