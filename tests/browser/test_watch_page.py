"""The watch page in a browser: it works offline, follows a run, and what models wrote stays text."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from r1.support.text import printable
from r1.training.context import STOPPED
from r1.watch.server import Server
from tests.reporting.test_hostile_text import ATTACKS
from tests.watch.projects import finish, project, rollouts, train, write_curve

pytestmark = pytest.mark.slow
LIVE = "data/.checkpoints/zero/0123456789abcdef"
PHONE = {"viewport": {"width": 390, "height": 844}}
Visit = Callable[..., Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """R1-Zero trains and is at step 5."""
    finish(project(tmp_path), "base@base", "base@base_qwen")
    train(tmp_path, steps=5)
    return tmp_path


@pytest.fixture
def server(root: Path) -> Iterator[Server]:
    with Server(root, 0) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def visit(browser: Any, server: Server) -> Iterator[Visit]:
    """Open the page; at the end nothing may have been said, run or requested elsewhere."""
    said: list[str] = []
    contexts = []

    def opened(fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if "ERR_FAILED" not in message.text else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda asked: None if asked.url.startswith(server.address) else said.append(asked.url))
        page.set_default_timeout(45_000)
        page.goto(server.address + fragment)
        page.wait_for_selector("li.row")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not said


def until(page: Any, condition: str) -> None:
    """Wait until JavaScript is true; Playwright's own wait needs the eval that the page's policy forbids."""
    end = time.monotonic() + 45
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)


def advance(root: Path, step: int) -> None:
    """A running stage's files after one more step."""
    rollouts(step).to_parquet(root / LIVE / "rollouts" / f"part-{step:06d}.parquet", index=False)
    write_curve(root / LIVE / "curve.csv", step)


def test_it_follows_what_runs_and_its_curves_grow(visit: Visit, root: Path) -> None:
    page = visit()
    assert page.inner_text("h1") == "zero runs"
    assert page.inner_text("[data-stage=zero] small") == "5 of 30"
    reward = page.locator("figure.chart", has_text="Reward").first
    assert reward.get_attribute("data-points") == "5" and "0.5" in reward.inner_text()
    line = reward.locator("path.line").get_attribute("d")
    advance(root, 6)
    until(page, "document.querySelector('figure.chart').dataset.points === '6'")
    assert reward.locator("path.line").get_attribute("d") != line
    until(page, "document.querySelector('.where').textContent.startsWith('step 6')")
    assert page.inner_text("#stage-progress .count").startswith("step 6 of 30")


def test_a_killed_run_and_a_guards_stop_are_told_without_a_reload(visit: Visit, root: Path) -> None:
    page = visit()
    for path in (root / LIVE).iterdir():
        os.utime(path, (1, 1))
    os.utime(root / LIVE, (1, 1))
    until(page, "document.querySelector('h1').textContent === 'zero was interrupted'")
    assert "dvc repro continues it" in page.inner_text("#stage-notice")
    (root / LIVE / STOPPED).write_text("stopped at step 5 of 30: the loss is nan\n  lower <b>it</b>")
    until(page, "document.querySelector('h1').textContent === 'A guard stopped zero'")
    assert "the loss is nan\n  lower <b>it</b>" in page.inner_text("#stage-notice")
    (root / LIVE / STOPPED).unlink()
    advance(root, 6)
    until(page, "document.querySelector('h1').textContent === 'zero runs'")


def test_a_server_that_went_away_is_said_and_met_again(visit: Visit, server: Server) -> None:
    page = visit()
    assert page.inner_text("#link") == "live"
    page.route("**/api/**", lambda route: route.abort())
    page.wait_for_selector("#link.lost")
    page.unroute("**/api/**")
    page.wait_for_selector("#link:not(.lost)")


def test_filters_narrow_the_rollouts(visit: Visit) -> None:
    page = visit()

    def rows(count: int) -> list[str]:
        until(page, f"document.querySelectorAll('li.row').length === {count}")
        return list(page.locator("li.row").all_text_contents())

    assert len(rows(20)) == 20
    page.select_option("[name=step]", "2")
    assert all("step 2" in text for text in rows(4))
    page.select_option("[name=family]", "search")
    assert all("search" in text for text in rows(2))
    page.fill("[name=text]", "RIGHT")
    (text,) = rows(1)
    assert "right at 2" in text and page.inner_text("mark") == "right"
    assert page.inner_text("#count") == "1 of the 4 of step 2"
    page.fill("[name=text]", "nothing has this")
    rows(0)


def test_colour_and_sign_tell_the_advantage(visit: Visit) -> None:
    page = visit()
    page.select_option("[name=order]", "low")
    page.wait_for_selector("li.row.low:first-child")
    assert "-1" in page.locator("li.row").first.text_content()
    page.select_option("[name=order]", "high")
    page.wait_for_selector("li.row.high:first-child")
    assert "+1" in page.locator("li.row").first.text_content()
    assert page.locator("[name=order] option").all_text_contents()[-2:] == ["highest accuracy", "highest format"]
    page.select_option("[name=order]", "reward:accuracy")
    page.wait_for_function("document.querySelector('[name=order]').value === 'reward:accuracy'")
    page.wait_for_selector("li.row.high:first-child")


def test_hostile_text_stays_text(visit: Visit, root: Path) -> None:
    attacks = list(ATTACKS.values())
    table = rollouts(9, len(attacks))
    for column in ("completion", "prompt", "answer", "family", "level"):
        table[column] = [attacks[row // 2] for row in range(len(table))]
    table.to_parquet(root / LIVE / "rollouts" / "part-000009.parquet", index=False)
    rollouts(10, 1, "<script>alert(1)</script>" * 45_000).to_parquet(root / LIVE / "rollouts" / "part-000010.parquet")
    page = visit()
    page.select_option("[name=step]", "9")
    until(page, "document.querySelector('.where')?.textContent.startsWith('step 9')")
    while page.is_visible("#further"):
        before = page.locator("li.row").count()
        page.click("#further")
        until(page, f"document.querySelectorAll('li.row').length > {before}")
    shown = page.locator("li.row pre").all_text_contents()
    for attack in attacks:
        assert any(printable(attack)[:20] in text for text in shown), attack
    assert not any("\u202e" in text or "\x1b" in text for text in shown)
    assert (
        page.evaluate("document.querySelectorAll('main script, main img, main a, main style, main iframe').length") == 0
    )
    page.select_option("[name=step]", "10")
    page.click("text=/Show all 1,1/")
    until(page, "document.querySelector('li.row pre').textContent.length === 2 ** 20")


def test_an_explanation_is_where_the_loss_is(visit: Visit) -> None:
    page = visit()
    loss = page.locator("figure.chart", has_text="Loss")
    loss.locator("summary").press("Enter")
    assert page.locator("figure", has_text="mine.wait_once").count() == 1
    assert "by construction" in loss.inner_text() and "Why is it near 0?" in loss.inner_text()


def test_the_keyboard_reaches_stages_and_single_steps(visit: Visit) -> None:
    page = visit()
    page.locator("[data-stage=report]").press("Enter")
    until(page, "document.querySelector('#stage-title').textContent === 'report'")
    assert page.url.endswith("#report") and "Waits for" in page.inner_text("#stage-notice")
    page.locator("[data-stage=zero]").press("Enter")
    chart = page.locator("figure.chart").first
    label = chart.locator("svg").get_attribute("aria-label")
    assert "0.1 at step 1" in label and "0.5 at step 5" in label
    chart.locator("svg").press("Home")
    assert "at step 1" in chart.inner_text()
    chart.locator("svg").press("ArrowRight")
    assert "at step 2" in chart.inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(scheme: str, visit: Visit, root: Path) -> None:
    rollouts(6, 1, "W" * 3000).to_parquet(root / LIVE / "rollouts" / "part-000006.parquet")
    page = visit(**PHONE, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate(CONTRAST) == []


# Text whose contrast with what is behind it is below 4.5 (WCAG AA).
CONTRAST = r"""() => {
  const parse = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
  const behind = (one) => {
    const colour = one ? parse(getComputedStyle(one).backgroundColor) : [255, 255, 255];
    return colour[3] === 0 ? behind(one.parentElement) : colour;
  };
  const bad = new Set();
  for (const one of document.querySelectorAll("body *")) {
    const written = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!written || one.closest("svg, .skip, option, [hidden]")) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    if ((Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5) bad.add(one.tagName + "." + one.className);
  }
  return [...bad];
}"""
