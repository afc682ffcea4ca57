"""Take the screenshots of docs/images: the live page while a stage trains, and the report's page.

    python -m bench.screenshots watch --root DIR     a project in which a stage trains (default: this one)
    python -m bench.screenshots report

Needs the dev environment's Playwright and a Chromium.
"""

import argparse
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from r1.watch.server import Server
from tests.browser.chromium import launch

IMAGES = Path("docs/images")
LAPTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}


def watch(browser: Any, root: Path) -> None:
    """The live page as it opens: the stage that trains, its curves, its newest rollouts."""
    with Server(root, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, size in (("watch", {**LAPTOP, "height": 1500}), ("watch_phone", PHONE)):
            page = browser.new_page(viewport=size)
            page.set_default_timeout(120_000)
            page.goto(server.address)
            page.wait_for_selector("li.row")
            page.wait_for_timeout(3000)  # one poll later the curves are there
            page.screenshot(path=IMAGES / f"{name}.png")
        server.shutdown()


def report(browser: Any, file: Path) -> None:
    """The report's first screen, and its trace browser."""
    for name, size, section in (
        ("report", LAPTOP, ""),
        ("report_phone", PHONE, ""),
        ("traces", {**LAPTOP, "height": 1100}, "#traces"),
    ):
        page = browser.new_page(viewport=size)
        page.goto(file.resolve().as_uri() + section)
        page.wait_for_timeout(1000)
        page.screenshot(path=IMAGES / f"{name}.png")


def main() -> None:
    """Open the pages and write their pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", choices=("watch", "report"))
    parser.add_argument("--root", type=Path, default=Path())
    arguments = parser.parse_args()
    with sync_playwright() as running:
        browser = launch(running)
        if arguments.page == "watch":
            watch(browser, arguments.root)
        else:
            report(browser, arguments.root / "data/report/index.html")
        browser.close()


if __name__ == "__main__":
    main()
