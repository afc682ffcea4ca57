"""What models and files say is shown as text: on the page, in Markdown, in figures, on the terminal."""

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from r1.reporting import charts, figures
from r1.reporting import inspect as inspecting
from r1.reporting.charts import LOSS_PANELS
from r1.reporting.inline import asset
from r1.reporting.report import render
from r1.reporting.templates import fill
from r1.reporting.terminal import SafeConsole
from r1.support.artifacts import MANIFEST, content_hash, write_json
from r1.support.errors import UserError, reported
from r1.support.tables import write_rows
from r1.support.text import printable
from tests.reporting.test_report import LOG, contents

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "script-upper-case": "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "cell-and-handler": "</td></tr></table><img src=x onerror=alert(1)>",
    "pre-and-handler": "</pre><svg onload=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "template": "{{ 7 * 7 }}{% for i in range(9) %}{{ i }}{% endfor %}",
    "link": '<a href="javascript:alert(1)">here</a>',
    "markdown-link": "[here](javascript:alert(1)) ![x](https://evil.example/x.png)",
    "style": "</style><style>body { display: none }</style>",
    "comment": "--><script>alert(1)</script><!--",
    "cdata": "]]><script>alert(1)</script>",
    "entity": "&lt;script&gt;alert(1)&lt;/script&gt;",
    "table": "a | b |\n| c | d |\n|---|---|",
    "fence": "```\n<script>alert(1)</script>\n```",
    "backticks": "`<b>` ``x``",
    "formula": "$\\frac{1}{2}$ $unclosed",
    "control": "\x1b]0;title\x07\x1b[2J\x9b31m\u202etxt",
}
each_attack = pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())


class Page(HTMLParser):
    """A page's elements, attributes, text, and what stands in its script elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def assert_harmless(page: str) -> Page:
    """No element that runs or loads but the page's own script and its data, no handler, no address but in the page."""
    read = Page(page)
    assert not read.tags & {"iframe", "object", "embed", "img", "link", "base", "form", "foreignobject"}
    assert not read.scripts or (len(read.scripts) == 2 and read.scripts[1] == asset("report.js"))
    assert not [value for name, value in read.attributes if name == "href" and not value.startswith("#")]
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    assert not [value for name, value in read.attributes if "javascript:" in value.lower() and name != "aria-label"]
    return read


@pytest.mark.slow
@each_attack
def test_the_page_shows_it_as_text(attack: str, tmp_path: Path) -> None:
    harmless = contents("harmless")
    render(harmless, tmp_path)
    before = Page((tmp_path / "index.html").read_text())
    render(contents(attack), tmp_path)
    page = assert_harmless((tmp_path / "index.html").read_text())
    assert page.text.count(attack) == before.text.count("harmless") == 12
    assert page.tags == before.tags and page.attributes == before.attributes
    problem = json.loads(page.scripts[0])["problems"][0]
    assert (problem["prompt"], problem["answers"][0][0][0]) == (attack, f"zero 0 0 {attack}")


def ablation(attack: str, template: str) -> str:
    claim = {"id": "x", "claim": attack, "source": attack, "effect": 0.1, "low": 0.0, "high": 0.2, "n": 4}
    return fill(
        template,
        claims=[claim | {"over": "seeds", "bound": 0.05, "verdict": "inconclusive"}],
        header=("algorithm", "pass@1 %"),
        rows=[[attack, "50.0"]],
        time_header=("algorithm", "s/step"),
        time_rows=[[attack, "1.0"]],
        note=attack,
        figure=figures.bands({attack: [LOG]}, LOSS_PANELS, x="step"),
        rollouts="100",
        seeds=3,
        problems=40,
        mini_batches=2,
    )


@pytest.mark.slow
@each_attack
def test_the_comparison_shows_it_as_text(attack: str) -> None:
    page, before = assert_harmless(ablation(attack, "ablation.html.j2")), Page(ablation("harmless", "ablation.html.j2"))
    assert page.text.count(attack) == before.text.count("harmless") == 5
    assert page.tags == before.tags


@each_attack
def test_a_figure_shows_it_as_text(attack: str) -> None:
    drawn = [figures.curves({attack: LOG}, LOSS_PANELS), charts.bars({attack: (0.5, 0.2, 0.8)}, attack)]
    drawn += [charts.curves({attack: LOG, "zero": LOG}, (charts.Panel("loss", attack),))]
    for figure in drawn:
        assert_harmless(figure)
        assert "<!--" not in figure or all(
            "--" not in inner for inner in re.findall(r"<!--(.*?)-->", figure, re.DOTALL)
        )


def cells(markdown: str) -> list[int]:
    """How many cells each line of each table has, as a reader of Markdown counts them."""
    return [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in markdown.splitlines() if line.startswith("|")]


@pytest.mark.slow
@each_attack
def test_markdown_shows_it_as_text(attack: str, tmp_path: Path) -> None:
    render(contents("harmless"), tmp_path)
    before = (tmp_path / "report.md").read_text()
    render(contents(attack), tmp_path)
    pairs = [(before, (tmp_path / "report.md").read_text())]
    pairs.append((ablation("harmless", "ablation.md.j2"), ablation(attack, "ablation.md.j2")))
    for plain, hostile in pairs:
        assert "<" not in hostile
        assert cells(hostile) == cells(plain)
        assert len(hostile.splitlines()) == len(plain.splitlines())
        assert len(re.findall(r"(?<!\\)`", hostile)) == len(re.findall(r"(?<!\\)`", plain))
        assert not re.findall(r"(?<!\\)\[[^\]]*\]\(", hostile)


def test_samples_are_not_in_the_markdown(tmp_path: Path) -> None:
    whole = contents("harmless")
    whole.samples["zero"][0]["completion"] = "what a model wrote"
    render(whole, tmp_path)
    assert "what a model wrote" not in (tmp_path / "report.md").read_text()


# --- the terminal ------------------------------------------------------------

SEQUENCES = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J\x1b[H",
    "colour": "\x1b[31mred",
    "csi-in-one-byte": "\x9b2J",
    "clipboard": "\x1b]52;c;cm0gLXJm\x07",
    "link": "\x1b]8;;https://evil.example\x07here\x1b]8;;\x07",
    "backspace": "right\b\b\b\b\bwrong",
    "carriage-return": "right\rwrong",
    "right-to-left": "\u202egnorw",
    "nul": "\0",
    "markup": "[bold red]x[/] [link=https://evil.example]y[/link]",
    "lone-surrogate": "\ud800",
}
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def artifact(root: Path, text: str, metrics: str = "data/metrics/zero.json") -> None:
    """An artifact whose every string is hostile."""
    directory = root / "data" / "sft"
    directory.mkdir(parents=True)
    write_rows(directory / "samples.parquet", [{"completion": text, "reason": text, "step": 1}])
    write_json(root / "data/metrics/zero.json", {"note": text})
    manifest = {
        "artifact": "data/sft", "stage": f"zero{text}", "seed": 1, "params": {"name": text}, "inputs": {text: text},
        "code": text, "counts": {text: 1}, "metrics": metrics, "content": content_hash(directory),
    }  # fmt: skip
    write_json(directory / MANIFEST, manifest)


@pytest.mark.parametrize("sequence", [s for n, s in SEQUENCES.items() if n != "lone-surrogate"])
@pytest.mark.parametrize("terminal", [True, False])
def test_inspect_sends_no_sequence_of_a_model_to_the_terminal(
    sequence: str, terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal rich's own colours are all that is left."""
    monkeypatch.chdir(tmp_path)
    artifact(tmp_path, sequence)
    shown = io.StringIO()
    make = SafeConsole
    monkeypatch.setattr(inspecting, "SafeConsole", lambda: make(file=shown, force_terminal=terminal, width=300))
    inspecting.inspect("sft", 3, params=True)
    text = re.sub(r"\x1b\[[\d;]*m", "", shown.getvalue()) if terminal else shown.getvalue()
    assert not FORBIDDEN.search(text)
    # Rich itself drops a bell, a backspace and their like; all else is there to be seen.
    assert re.sub(r"\\x0[78d]", "", printable(sequence)) in text.replace("\\x07", "").replace("\\x08", "")


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_an_error_message_sends_none_either(sequence: str) -> None:
    with pytest.raises(SystemExit) as caught, reported():
        raise UserError(f"{sequence} cannot be loaded")
    assert not FORBIDDEN.search(str(caught.value))
    str(caught.value).encode()


@pytest.mark.parametrize("text", ["先算 2 + 2。\n\tπ ≈ 3.14 é 🙂", "<think>a</think>", "\\x1b"])
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("name", ["../../x", "/etc", "../data/sft", "..", "~"])
def test_inspect_finds_nothing_outside_data(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outside = tmp_path / "x"
    artifact(outside, "secret")
    (tmp_path / "project" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "deep")
    with pytest.raises(UserError, match="no artifact or stage is named"):
        inspecting.inspect(name, 3, params=True)


@pytest.mark.parametrize("metrics", ["../secret.json", "/SECRET", "data/../../secret.json", "data/link.json"])
def test_a_manifest_cannot_point_inspect_at_another_file(
    metrics: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(tmp_path / "secret.json", {"password": "hunter2"})
    project = tmp_path / "project"
    artifact(project, "x", metrics.replace("/SECRET", str(tmp_path / "secret.json")))
    (project / "data/link.json").symlink_to(tmp_path / "secret.json")
    monkeypatch.chdir(project)
    inspecting.inspect("sft", 3, params=True)
    shown = capsys.readouterr().out
    assert "samples.parquet" in shown and "hunter2" not in shown
