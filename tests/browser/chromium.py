"""Start a headless Chromium, for the pages' tests and for bench.screenshots."""

import shutil
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def launch(playwright: Any) -> Any:
    """Launch the system's Chromium, or Playwright's own if there is none.

    Raises:
        playwright.sync_api.Error: if there is neither.
    """
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    return playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
