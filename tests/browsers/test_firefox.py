#!/usr/bin/env python3
"""The page in Firefox, whose engine is another one than Chromium's (tests/e2e/test_page.py).

Not a part of the test suite: Firefox is 312 MB for a few seconds of tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from firefox import Firefox  # noqa: E402
from lib.admin import AdminCase  # noqa: E402
from lib.page import EveryBrowser  # noqa: E402


class PageFirefox(EveryBrowser, AdminCase):
    """One Firefox for all, which takes seconds to start; each test leaves nothing in it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.firefox = Firefox()
        cls.addClassCleanup(cls.firefox.close)

    def browser(self):
        self.addCleanup(self.firefox.open, "about:blank")
        self.addCleanup(self.firefox.run, "sessionStorage.clear(); localStorage.clear()")
        return self.firefox
