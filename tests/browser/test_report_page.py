"""The report's page in a browser: it works offline, its filters filter, what models wrote stays text."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.recipe import MODELS
from r1.reporting.aha import PANELS, draw_aha
from r1.reporting.report import render
from r1.reporting.traces import collect_traces
from tests.reporting.test_hostile_text import ATTACKS
from tests.reporting.test_report import contents
from tests.reporting.test_traces import DRAWN, samples

pytestmark = pytest.mark.slow
PROBLEMS = 12
COLOURS = (
    *("back", "soft", "text", "muted", "accent", "good", "bad", "open", "mark"),
    *("accent-soft", "good-soft", "bad-soft", "open-soft"),
)
LOG = pd.DataFrame({"step": range(1, 41), **{panel.column: [0.5 + 0.01 * n for n in range(40)] for panel in PANELS}})
ROLLOUTS = pd.DataFrame(
    {"step": step, "prompt": "p", "answer": "4", "completion": f"Wait, {step}.", "tokens": 4, "reward_accuracy": 1.0}
    for step in (1, 14, 27, 40)
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report in which zero answers what the others do not, and models write hostile text."""
    tables = {model: samples(model, PROBLEMS) for model in MODELS}
    tables["zero"]["correct"] = True
    attacks = list(ATTACKS.values())
    for number, table in enumerate(tables.values()):
        table["completion"] += [f" {attacks[(number + row) % len(attacks)]}" for row in range(len(table))]
        table["prompt"] += [f" {attacks[problem % len(attacks)]}" for problem in table["problem"]]
    whole = contents("harmless")
    whole.traces.update(collect_traces(tables))
    vars(whole)["aha"] = draw_aha(LOG, ROLLOUTS)
    directory = tmp_path_factory.mktemp("report")
    render(whole, directory)
    return (directory / "index.html").as_uri()


Visit = Callable[..., Any]


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    """Open the report offline; at the end nothing may have failed, been requested or run."""
    said: list[str] = []
    contexts = []

    def opened(fragment: str = "", **options: Any) -> Any:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: said.append(request.url) if not request.is_navigation_request() else None)
        page.goto(address + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not said


def listed(page: Any) -> list[int]:
    return [int(value) for value in page.eval_on_selector_all("#problems button", "all => all.map(b => b.dataset.id)")]


def shown(page: Any) -> str:
    return str(page.locator("#problem-place").inner_text())


def test_it_opens_from_a_file_offline_with_its_three_parts(visit: Visit) -> None:
    page = visit(viewport={"width": 1366, "height": 768})
    assert page.locator("svg.recipe.wide").is_visible() and not page.locator("svg.recipe.narrow").is_visible()
    assert page.locator("ul.claims li").count() == 1
    assert page.locator("#answers article").count() == len(MODELS)
    assert page.locator("#answers h4").first.inner_text() == "Base"


def test_the_aha_figure_has_its_data(visit: Visit) -> None:
    page = visit()
    for panel in page.locator("#aha svg.chart").all():
        points = panel.locator("polyline.line").get_attribute("points").split()
        assert len(points) == len(LOG) and panel.locator("circle.mark").count() == 4
    assert page.locator("#aha pre").all_inner_texts() == [f"Wait, {step}." for step in (1, 14, 27, 40)]
    assert page.locator("#aha pre mark").count() == 4


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, set(range(PROBLEMS))),
        ({"#family": "f1"}, {1, 4, 7, 10}),
        ({"#level": "train"}, set(range(PROBLEMS))),
        ({"#model-a": "base", "#is-a": "wrong"}, {n for n in range(PROBLEMS) if n % 5 < DRAWN / 2}),
        ({"#model-a": "zero", "#is-a": "wrong"}, set()),
        ({"#model-a": "base", "#is-a": "right", "#model-b": "r1", "#is-b": "wrong"}, set()),
        ({"#family": "f1", "#model-b": "r1", "#is-b": "right"}, {4, 7}),
    ],
    ids=["all", "family", "level", "wrong", "none", "contradiction", "together"],
)
def test_filters_filter(choices: dict[str, str], expected: set[int], visit: Visit) -> None:
    page = visit()
    for selector, value in choices.items():
        page.select_option(selector, value)
    assert set(listed(page)) == expected
    assert page.locator("#count").inner_text() == f"{len(expected)} of {PROBLEMS} problems"
    assert page.locator("#problem").is_visible() == bool(expected)
    page.click("#reset")
    assert len(listed(page)) == PROBLEMS


def test_search_finds_problems_and_answers(visit: Visit) -> None:
    page = visit()
    page.fill("#q", "R1 7 0")
    assert listed(page) == [7]
    page.fill("#q", "nothing that anybody wrote")
    assert listed(page) == [] and not page.locator("#problem").is_visible()


def test_a_preset_sets_the_filters(visit: Visit) -> None:
    page = visit()
    page.get_by_role("button", name="R1-Zero right, R1 wrong").click()
    assert set(listed(page)) == {n for n in range(PROBLEMS) if n % 5 < DRAWN / 2}
    values = [page.input_value(f"#{name}") for name in ("model-a", "is-a", "model-b", "is-b")]
    assert values == ["zero", "right", "r1", "wrong"]


def test_an_answer_shows_its_verdict_rewards_and_length(visit: Visit) -> None:
    page = visit("#trace=3")
    card = page.locator("#answers article").nth(2)
    assert card.locator("small").inner_text() == "3 of 4 right"
    facts = card.locator(".facts").inner_text().replace("\n", " ")
    assert facts == "✓ right predicted nothing accuracy 1 format 1 tokens 3"
    page.select_option("#sample", "1")
    assert "cut at the limit" in card.locator(".facts").inner_text()
    assert card.locator("pre").inner_text().startswith("cold_start 3 1 ")


def test_hostile_text_stays_text(visit: Visit) -> None:
    page = visit()
    for number in range(PROBLEMS):
        page.locator(f'#problems button[data-id="{number}"]').click()
        assert page.locator("#problem :is(script, img, iframe, style, a[href^=javascript])").count() == 0
        attack = list(ATTACKS.values())[number % len(ATTACKS)]
        assert page.locator("#problem-prompt").evaluate("one => one.textContent") == f"p{number} {attack}"
    assert page.evaluate("document.querySelectorAll('body *').length") > 100


def test_a_deep_link_restores_problem_answer_and_filters(visit: Visit) -> None:
    page = visit()
    page.select_option("#family", "f1")
    page.locator('#problems button[data-id="7"]').click()
    page.select_option("#sample", "1")
    fragment = page.evaluate("location.hash")
    assert page.locator("#problem-link").get_attribute("href") == fragment
    again = visit(fragment)
    assert listed(again) == [1, 4, 7, 10] and shown(again) == "f1, level train, problem 7"
    assert again.input_value("#sample") == "1"
    assert again.locator("#traces").evaluate("one => Math.abs(one.getBoundingClientRect().top) < 200")


@pytest.mark.parametrize(
    "fragment",
    ["#trace=99", "#trace=x&answer=-4", "#trace=&family=%3Cimg%3E", "#trace=1&is-a=%00", "#%F0%9F", "#nothing"],
)
def test_a_broken_link_breaks_nothing(fragment: str, visit: Visit) -> None:
    page = visit(fragment)
    assert len(listed(page)) == PROBLEMS and page.locator("#answers article").count() == len(MODELS)


def test_a_link_into_all_results_unfolds_its_section(visit: Visit) -> None:
    page = visit("#compute")
    assert page.locator("#compute table").is_visible() and not page.locator("#samples pre").is_visible()
    page.locator('.contents a[href="#samples"]').click()
    assert page.locator("#samples pre").is_visible()


def test_the_keyboard_reaches_the_answers_and_moves_through_them(visit: Visit) -> None:
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('#problems') !== null"):
            break
    assert page.evaluate("document.activeElement.dataset.id") == "0"
    for key, expected in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", PROBLEMS - 1), ("Home", 0)):
        page.keyboard.press(key)
        assert shown(page).endswith(f"problem {expected}")
        assert page.evaluate("document.activeElement.dataset.id") == str(expected)


@pytest.mark.parametrize("width", [360, 390, 768, 1366])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(width: int, scheme: str, visit: Visit) -> None:
    page = visit(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg.recipe.narrow").is_visible() == (width < 700)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(scheme: str, visit: Visit) -> None:
    """WCAG 2.2 AA: 4.5 to 1 between the theme's colours of text and those behind it."""
    page = visit(color_scheme=scheme)
    colours = page.evaluate(
        """names => Object.fromEntries(names.map(name => {
          const probe = document.createElement('canvas').getContext('2d');
          probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
          return [name, probe.fillStyle];
        }))""",
        [f"--{name}" for name in COLOURS],
    )
    pairs = [(text, behind) for text in ("text", "muted") for behind in ("back", "soft", "accent-soft")]
    pairs += [("accent", "back"), ("text", "mark"), ("good", "back"), ("bad", "back")]
    pairs += [(verdict, f"{verdict}-soft") for verdict in ("good", "bad", "open")]

    def luminance(name: str) -> float:
        channels = [int(colours[f"--{name}"][start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for pair in pairs:
        dark, light = sorted(map(luminance, pair))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, pair


def test_every_control_has_a_name(visit: Visit) -> None:
    page = visit()
    names = page.evaluate(
        """() => [...document.querySelectorAll('input, select, button:not([hidden]), a, svg[role=img]')].map(one =>
          one.getAttribute('aria-label') || one.textContent.trim() || (one.labels && one.labels.length) || '')"""
    )
    assert len(names) > 20 and all(names)


def test_print_unfolds_everything_and_leaves_the_controls_out(visit: Visit) -> None:
    page = visit()
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert page.locator("#samples pre").is_visible() and page.locator("#answers article").first.is_visible()
    assert not page.locator(".filters").is_visible() and not page.locator("#problems").is_visible()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0


def test_without_javascript_the_results_are_there(visit: Visit) -> None:
    page = visit(java_script_enabled=False)
    assert page.locator("noscript p").is_visible() and not page.locator("#browser").is_visible()
    page.locator("#samples summary").click()
    assert page.locator("#samples pre").is_visible()


def test_the_page_is_of_one_file(address: str) -> None:
    assert [path.name for path in Path(address.removeprefix("file://")).parent.iterdir() if path.suffix != ".md"] == [
        "index.html"
    ]
