"""A headless Chromium for pages: Playwright with the system's browser or its own; without one, tests are skipped."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.chromium import launch


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser that cannot reach the network: pages open from files or from this machine.

    Not for the session: while it is open, Playwright runs an event loop in this thread, and others cannot.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        try:
            launched = launch(running)
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error}")
        yield launched
        launched.close()
