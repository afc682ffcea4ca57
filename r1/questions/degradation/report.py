"""The claims about generated data, and the page."""

from itertools import pairwise
from typing import Any

import pandas as pd

from r1.questions.degradation.measures import MEASURES, by_problem, changes
from r1.questions.degradation.settings import CONTROL, PLAIN, VERIFIED, Settings
from r1.questions.effects import Effect, below, claim, effect, exceeds, minus, within
from r1.questions.page import Page, Results
from r1.reporting.charts import Panel
from r1.reporting.figures import bands
from r1.reporting.tables import LEVELS, Table, signed

_IN_TABLES = ("pass_at_1", "reflects")
"""Measures that the figure leaves to the tables; it has pass@1 by level."""
TITLE = "Does generated training data degrade a model, as web text is feared to?"


def judged(results: Results[Settings]) -> Page:
    """Judge the claims on generation 0 against the last, paired by problem and seed."""
    settings, bounds = results.settings, results.settings.bounds
    problems = by_problem(results.table("samples"), settings.tail)
    data, last = results.table("data"), settings.generations

    def change(arm: str, measure: str = "pass_at_1") -> Effect:
        return effect(changes(problems, arm, measure, last), bounds)

    plain, checked, control = change(PLAIN), change(VERIFIED), change(CONTROL)
    gap = effect(minus(*(changes(problems, arm, "pass_at_1", last) for arm in (VERIFIED, PLAIN))), bounds)
    narrowed = change(VERIFIED, "distinct_traces")
    claims = [
        claim(
            "original_stays",
            f"Trained on original data alone, generation {last} is as accurate as generation 0 (pass@1).",
            *(control, bounds.decay, within(control, bounds.decay)),
            control=True,
        ),
        claim(
            "everything_decays",
            f"If everything is kept, generation {last} is less accurate than generation 0 (pass@1).",
            *(plain, -bounds.decay, below(plain, -bounds.decay)),
        ),
        claim(
            "verification_helps",
            f"Generation {last} loses less pass@1 with verified answers than with everything kept.",
            *(gap, 0.0, exceeds(gap, 0.0)),
        ),
        *(
            claim(f"{arm}_stays", _stays(arm, last), found, -bounds.decay, exceeds(found, -bounds.decay))
            for arm, found in {
                arm: checked if arm == VERIFIED else change(arm)
                for arm, source in settings.arms.items()
                if source.verified
            }.items()
        ),
        claim(
            "verified_narrows",
            f"Even verified, generation {last} writes fewer distinct traces than generation 0.",
            *(narrowed, -bounds.diversity, below(narrowed, -bounds.diversity)),
        ),
    ]
    runs = {
        arm: [
            _by_generation(problems[(problems["arm"] == arm) & (problems["seed"] == seed)]) for seed in settings.seeds
        ]
        for arm in settings.arms
    }
    levels = [
        Panel(f"pass_at_1 {level}", f"pass@1, {LEVELS[level]}") for level in LEVELS if level in set(problems["level"])
    ]
    panels = tuple(
        Panel(name, title.replace(" %", " (share)")) for name, title in MEASURES.items() if name not in _IN_TABLES
    )
    return Page(
        title=TITLE,
        answer=_answer(settings, {one["id"]: one for one in claims}, data, problems),
        design=_design(settings),
        claims=claims,
        figure=bands(runs, (*levels, *panels), "generation"),
        caption="Every generation's evaluation: mean over seeds, bands from the lowest to the highest.",
        not_shown=[
            "Every generation starts from the same base, as in most studies of collapse; one that starts from its "
            "predecessor's weights may decay faster.",
            "Problems with one short answer and a verifier that sees it. Text without a verifier is the arm in which "
            "everything is kept.",
            f"A base of this size and {settings.examples} examples per generation: how fast a large model decays is "
            "another matter.",
        ],
        tables=[_by_bad_share(settings, data, problems), _measures(settings, problems)],
    )


def _stays(arm: str, last: int) -> str:
    return f"In the arm {arm}, generation {last} does not lose more pass@1 than the bound."


def _by_generation(problems: pd.DataFrame) -> pd.DataFrame:
    table = problems.groupby("generation")[list(MEASURES)].mean()
    for level, rows in problems.groupby("level"):
        table[f"pass_at_1 {level}"] = rows.groupby("generation")["pass_at_1"].mean()
    return table.reset_index()


def _by_bad_share(settings: Settings, data: pd.DataFrame, problems: pd.DataFrame) -> Table:
    """Arms by the share of wrong examples that their generations learned from, with what they lost."""
    rows = []
    for arm in settings.arms:
        wrong = _wrong_share(data, arm)
        found = effect(changes(problems, arm, "pass_at_1", settings.generations), settings.bounds)
        shown = signed(100 * found["effect"], 100 * found["low"], 100 * found["high"])
        rows.append((wrong, [f"{100 * wrong:.1f}", arm, shown]))
    return Table(
        "Wrong examples and what they cost",
        "Share of wrong examples in the data of generations 1 and later, and the change in pass@1 to the last one.",
        ["wrong examples %", "arm", "change of pass@1, points"],
        [cells for _, cells in sorted(rows, key=lambda row: row[0])],
    )


def _measures(settings: Settings, problems: pd.DataFrame) -> Table:
    first, last = (
        {arm: table for arm, table in problems[problems["generation"] == number].groupby("arm")}
        for number in (0, settings.generations)
    )
    return Table(
        "All measures",
        "Means over problems and seeds; generation 0, which all arms share, then the last generation of each.",
        ["generation", *MEASURES.values()],
        [
            ["0", *(f"{100 * next(iter(first.values()))[name].mean():.1f}" for name in MEASURES)],
            *(
                [f"{settings.generations}: {arm}", *(f"{100 * last[arm][name].mean():.1f}" for name in MEASURES)]
                for arm in settings.arms
            ),
        ],
    )


def _answer(settings: Settings, claims: dict[str, dict[str, Any]], data: pd.DataFrame, problems: pd.DataFrame) -> str:
    """One line that follows from the verdicts, whatever they are."""
    decays, stays = claims["everything_decays"]["verdict"], claims[f"{VERIFIED}_stays"]["verdict"]
    found = {
        ("supported", "supported"): "Generated data degrade the model if everything is kept, and verification stops it",
        ("supported", "not supported"): "Generated data degrade the model, and verification does not stop it",
        ("not supported", "supported"): "Generated data do not degrade the model within this many generations",
    }.get((decays, stays), "Undecided at this size whether generated data degrade the model and verification stops it")
    arms = [
        (_wrong_share(data, arm), effect(changes(problems, arm, "pass_at_1", settings.generations), settings.bounds))
        for arm, source in settings.arms.items()
        if source.original == 0
    ]
    share = returns_at(arms, settings.bounds.decay)
    points = f"{100 * settings.bounds.decay:.0f} points"
    if share is None:
        return f"{found}; no share of wrong examples here costs {points}."
    if share == min(wrong for wrong, _ in arms):
        return f"{found}; even the arm with {100 * share:.0f} % wrong examples loses more than {points}."
    return f"{found}; a loss of {points} comes with {100 * share:.0f} % wrong examples."


def returns_at(arms: list[tuple[float, Effect]], decay: float) -> float | None:
    """The share of wrong examples at which the loss reaches `decay`, interpolated between arms; None if none does.

    Args:
        arms: share of wrong examples and change in pass@1, of arms without original data.
        decay: loss of pass@1.
    """
    ordered = [(share, -float(found["effect"])) for share, found in sorted(arms, key=lambda arm: arm[0])]
    for (share, loss), (more, larger) in pairwise(ordered):
        if loss < decay <= larger:
            return share + (more - share) * (decay - loss) / (larger - loss)
    return ordered[0][0] if ordered[0][1] >= decay else None


def _wrong_share(data: pd.DataFrame, arm: str) -> float:
    """Of generations 1 and later."""
    return float(data.loc[(data["arm"] == arm) & (data["generation"] > 0), "wrong"].mean())


def _design(settings: Settings) -> list[str]:
    arms = "; ".join(
        f"{name}: {_describe(source.original, source.verified, source.errs)}" for name, source in settings.arms.items()
    )
    return [
        f"Generation 0 fine-tunes the base on {settings.examples} original examples: worked solutions in every style "
        f"of the corpus, all right. Each of {settings.generations} further generations fine-tunes the same base on as "
        f"many examples that the generation before wrote at temperature {settings.temperature:g}.",
        f"Arms differ in what is kept. {arms}.",
        f"Every generation is evaluated on {settings.evaluated} problems per level, {settings.samples} completions "
        f"each. A solution is long if it is longer than {settings.tail:.0%} of generation 0's.",
    ]


def _describe(original: float, verified: bool, errs: float) -> str:
    parts = ["verified answers" if verified else "everything"]
    if errs:
        parts.append(f"by a verifier that errs in {errs:.0%}")
    if original:
        parts = [f"{original:.0%} original"] if original == 1 else [*parts, f"and {original:.0%} original"]
    return " ".join(parts)
