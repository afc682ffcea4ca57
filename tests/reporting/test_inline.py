"""The page admits its own style, script and data, and nothing else."""

import base64
import hashlib
import json
from typing import Any

import pytest

from r1.reporting.inline import as_json, asset, policy


@pytest.mark.parametrize(
    "value",
    [
        "</script><script>alert(1)</script>",
        "<!-- <script>",
        "a & b &lt; c",
        "line\u2028separator\u2029",
        "先算 \x00 \x1b \u202e 🙂 \\ \" '",
        {"<key>": [None, True, 1.5, "<"]},
    ],
)
def test_data_survive_and_hold_no_markup(value: Any) -> None:
    text = as_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_no_number_that_a_browser_cannot_read() -> None:
    with pytest.raises(ValueError):
        as_json(float("nan"))


def test_the_policy_names_style_and_script_by_their_hashes_and_allows_nothing_else() -> None:
    style, script = asset("report.css"), asset("report.js")
    rules = dict(rule.split(" ", 1) for rule in policy(style, script).split("; "))
    for rule, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(rule) == f"'sha256-{digest}'"
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")


def test_assets_need_no_other_file_and_make_no_markup_of_text() -> None:
    style, script = asset("report.css"), asset("report.js")
    assert "url(" not in style and "@import" not in style and "</" not in style
    assert "</" not in script and not [
        name for name in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "fetch(", "Function(")
        if name in script
    ]  # fmt: skip
