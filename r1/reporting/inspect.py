"""Show an artifact on the terminal: its origin, metrics, learning curve and samples; parameters on request."""

import ast
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from r1.reporting.sparkline import curve_table
from r1.reporting.terminal import SafeConsole, empty_pairs, empty_table, safe
from r1.support.artifacts import MANIFEST, BrokenArtifact, content_hash, read_json, read_manifest
from r1.support.code import code_hash
from r1.support.errors import UserError

_SHOWN_FIRST = ("samples.parquet", "candidates.parquet")
"""Files to show first: samples with rewards, candidates with reasons."""
_OWN_LINE = (
    *("prompt", "text", "completion", "chosen", "rejected", "answer", "voted", "predicted"),
    *("correct", "lenient_predicted", "lenient_correct", "reason"),
)
"""Columns of a sample that get a line each; rewards share one line, all other columns another."""
_RATES = {"pass_at_1": "pass@1\n[%]"}
_MEANS = {
    "lenient_pass_at_1": ("lenient\n[%]", 100),
    "maj_at_k": ("maj@k\n[%]", 100),
    "format_rate": ("format\n[%]", 100),
    "response_tokens": ("tokens", 1),
}
"""Metrics in an evaluation's table: those with an interval, and those as a mean only, with its scale."""
_MANY = 12
"""Up to this number, inputs are listed one by one; more are counted."""


def inspect(name: str, samples: int, params: bool) -> None:
    """Print origin, metrics, learning curve and some samples of every artifact with that name or from that stage.

    Args:
        name: name of a stage or an artifact, such as `zero` or `ppo/1`.
        samples: number of rows to print per file.
        params: whether to print the stage's parameters too.

    Raises:
        UserError: if there is none; the message lists the available names.
    """
    console = SafeConsole()
    artifacts = _artifacts()
    found = [path for path, made in artifacts.items() if f"/{path}".endswith(f"/{name}") or name == made["stage"]]
    if not found:
        known = sorted({path.name for path in artifacts} | {made["stage"] for made in artifacts.values()})
        raise UserError(
            f"no artifact or stage is named {name!r}; run its stage first, or inspect one of: {', '.join(known)}"
        )
    shown: set[Path] = set()
    for artifact in sorted(found, key=lambda path: path.parent.name == "evaluations"):  # a model before its evaluation
        manifest = artifacts[artifact]
        console.rule(safe(artifact, "bold"), align="left")
        console.print(_identity(artifact, manifest))
        _show_metrics(console, manifest, shown)
        for file in sorted(artifact.glob("*.parquet"), key=lambda path: (path.name not in _SHOWN_FIRST, path.name)):
            _show_samples(console, file, samples)
        if params:
            console.print("parameters", style="bold")
            console.print_json(json.dumps(manifest["params"]))
    if not params:
        console.print("Parameters: add --params", style="dim")


def _artifacts() -> dict[Path, dict[str, Any]]:
    """Manifest of every artifact under data/, by its path; a page of a report, which names no stage, is left out."""
    paths = (path.parent for path in sorted(Path("data").rglob(MANIFEST)) if not path.parent.name.startswith("."))
    return {path: manifest for path in paths if "stage" in (manifest := read_manifest(path))}


def _scripts(artifact: Path) -> Path:
    """The folder of the script that made an artifact: of a stage, or of a question's arm."""
    is_of_question = artifact.parts[:2] == ("data", "questions")
    return Path("experiments", *artifact.parts[2:3]) if is_of_question else Path("stages")


def _identity(artifact: Path, manifest: Mapping[str, Any]) -> Table:
    """What the artifact is, its stage and inputs, and whether any of them has changed since."""
    grid = empty_pairs()
    folder, stage = _scripts(artifact), manifest["stage"]
    script = next((path for path in folder.glob("*.py") if path.stem == stage), None)
    if script and (description := ast.get_docstring(ast.parse(script.read_text()))):
        grid.add_row("what", safe(description.partition("\n\n")[0]))
    code = "missing" if script is None else _compared(code_hash(script) == manifest["code"])
    grid.add_row("made by", _with_state(f"{folder}/{stage}.py, seed {manifest['seed']}", f"code {code}"))
    listed = [(path, _input_state(path, digest)) for path, digest in manifest["inputs"].items()]
    if len(listed) > _MANY:
        listed = [(f"{number} inputs", state) for state, number in Counter(state for _, state in listed).items()]
    for number, (path, state) in enumerate(listed):
        grid.add_row("" if number else "made from", _with_state(path, state))
    same = content_hash(artifact) == manifest["content"]
    grid.add_row("contents", "as written" if same else Text("changed since they were written", "bold red"))
    return grid


def _compared(same: bool) -> str:
    return "unchanged" if same else "changed since"


def _input_state(path: str, digest: str) -> str:
    if not _is_ours(Path(path)):
        return "outside data/"
    try:
        return _compared(content_hash(Path(path)) == digest)
    except BrokenArtifact:
        return "missing"


def _is_ours(path: Path) -> bool:
    return "\0" not in str(path) and path.resolve().is_relative_to(Path("data").resolve())


def _with_state(text: str, state: str) -> Text:
    return Text.assemble(safe(text), " ", (f"({state})", "dim" if state.endswith("unchanged") else "yellow"))


def _show_metrics(console: Console, manifest: Mapping[str, Any], shown: set[Path]) -> None:
    """Show counts, metrics and the curve; a metrics file shared by several artifacts is shown only with the first."""
    values: dict[str, Any] = dict(manifest["counts"])
    metrics = Path(manifest["metrics"])
    # A manifest may come from someone else: read only metrics files inside this project's data/.
    files = [
        path
        for path in (metrics, metrics.parent / "throughput" / metrics.name)
        if path not in shown and _is_ours(path) and path.is_file()
    ]
    shown.update(files)
    for path in files:
        read = read_json(path)
        if isinstance(read, dict):
            values |= read
        else:
            console.print(_claims(read))
    groups = {key: group for key, group in _groups(values).items() if "pass_at_1" in group}
    if groups:
        console.print(_evaluation(groups))
    listed = empty_table(("metric",), ("value",))
    for name, value in (*_headlines(values), *_others(values)):
        listed.add_row(safe(name), safe(value))
    if listed.rows:
        console.print(listed)
    curve = Path("data/plots", *metrics.with_suffix(".csv").parts[2:])
    if files and curve.is_file() and _is_ours(curve) and (drawn := curve_table(curve)):
        console.print(drawn)
    if files:
        console.print(safe(f"in full: {', '.join(map(str, files))}", "dim"))
    console.print()


def _headlines(values: Mapping[str, Any], depth: int = 2) -> Iterator[tuple[str, str]]:
    """Plain values at most two keys deep; deeper ones are left out."""
    for key, value in values.items():
        if isinstance(value, dict):
            if depth > 1:
                yield from ((f"{key}.{name}", shown) for name, shown in _headlines(value, depth - 1))
        elif not isinstance(value, list):
            yield key, _value(value)


Group = Mapping[str, Mapping[str, float]]
"""Metric -> estimate, as r1.evaluation.evaluate summarises a family's level."""


def _groups(values: Mapping[str, Any]) -> dict[tuple[str, str], Group]:
    """Estimates by family and level."""
    return {
        (family, level): group
        for family, levels in values.items()
        if isinstance(levels, dict)
        for level, group in levels.items()
        if isinstance(group, dict) and group and all(isinstance(e, dict) and "mean" in e for e in group.values())
    }


def _evaluation(groups: Mapping[tuple[str, str], Group]) -> Table:
    """One row per family and level: pass rates with confidence intervals, and means."""
    means = [column for column, _ in _MEANS.values()]
    evaluation = empty_table(("family", "level"), (*_RATES.values(), *means))
    for (family, level), group in groups.items():
        rates = [_percent(group[metric]) if metric in group else "-" for metric in _RATES]
        rates += [
            f"{group[metric]['mean'] * scale:.0f}" if metric in group else "-" for metric, (_, scale) in _MEANS.items()
        ]
        evaluation.add_row(safe(family), safe(level), *rates)
    return evaluation


def _others(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Estimates of groups without pass@1, that is of general prompts."""
    for (family, _), group in _groups(values).items():
        if "pass_at_1" not in group:
            yield from ((f"{family}.{metric} [%]", _percent(estimate)) for metric, estimate in group.items())


def _percent(share: Mapping[str, float]) -> str:
    return f"{share['mean'] * 100:.3g} [{share['low'] * 100:.0f}, {share['high'] * 100:.0f}]"


def _claims(claims: list[dict[str, Any]]) -> Table:
    """One row per claim: verdict, effect and confidence interval."""
    listed = empty_table(("claim", "verdict"), ("effect", "interval"))
    for claim in claims:
        interval = f"[{claim['low']:+.3g}, {claim['high']:+.3g}]"
        listed.add_row(safe(claim["id"]), safe(claim["verdict"]), f"{claim['effect']:+.3g}", interval)
    return listed


def _show_samples(console: Console, path: Path, count: int) -> None:
    frame = pd.read_parquet(path)
    which = ""
    if not set(_OWN_LINE) & set(frame):  # only numbers, which the metrics summarise
        rows = frame.head(0)
    elif "reason" in frame:
        rows, which = frame.drop_duplicates("reason"), ", one for each reason"
    elif "step" in frame:  # the end of a run tells more than its start
        last = frame["step"].max()
        rows, which = frame[frame["step"] == last].head(count).drop(columns="step"), f", from the last step ({last})"
    else:
        rows = frame.head(count)
    console.print(safe(f"{path.name}: {len(rows)} of {len(frame):,} rows{which}", "bold"))
    for row in rows.to_dict("records"):
        console.print(_sample({str(key): value for key, value in row.items()}))
        console.print()


def _sample(row: Mapping[str, Any]) -> Table:
    """Prompt and completion, rewards, and all other columns."""
    grid = empty_pairs()
    present = {key: value for key, value in row.items() if not _is_missing(value)}
    for key in _OWN_LINE:
        if key in row:
            grid.add_row(key, safe(present.get(key, "(none)")))
    rewards = {key.removesuffix("_reward"): value for key, value in present.items() if key.endswith("_reward")}
    rest = {key: value for key, value in present.items() if key not in _OWN_LINE and not key.endswith("_reward")}
    for name, values in (("rewards", rewards), ("details", rest)):
        if values:
            grid.add_row(name, safe(", ".join(f"{key} {_value(value)}" for key, value in values.items())))
    return grid


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and math.isnan(value))


def _value(value: Any) -> str:
    """Format a number with thousands separators, and with four significant digits if it is fractional and small."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.4g}"
