"""The claims about how little is enough, and the page."""

from typing import Any

import pandas as pd

from r1.questions.effects import below, change, claim, effect, exceeds, minus, within
from r1.questions.how_little.figure import draw
from r1.questions.how_little.measures import by_step, with_outcomes
from r1.questions.how_little.settings import FULL, Base, Settings
from r1.questions.how_little.tables import by_family, by_level, of_groups, of_sizes
from r1.questions.page import Page, Results
from r1.support.artifacts import read_json

TITLE = "How few prompts, how weak a base and how small a model are enough for RL?"
Claims = list[dict[str, Any]]


def judged(results: Results[Settings]) -> Page:
    """Judge what RL gains from fewer prompts, weaker bases and smaller models, and why it finds nothing where it does.

    Gains are changes of pass@1 from before to after RL, paired by problem and seed.
    """
    settings = results.settings
    samples, groups = results.table("samples"), with_outcomes(results.table("groups"))
    claims = [
        *_controls(samples, settings),
        *_prompts(samples, settings),
        *_bases(samples, groups, settings),
        *_rewards(samples, settings),
        *_sizes(samples, settings),
    ]
    cells = runs_of(samples, groups, results.metrics(), settings)
    return Page(
        title=TITLE,
        answer=_answer({one["id"]: one for one in claims}, cells, settings),
        design=_design(results),
        claims=claims,
        figure=draw(cells, groups, settings),
        caption="Top: pass@1 before and after RL; groups that had nothing to learn from, with bands from the lowest "
        "seed to the highest. Bottom: what each run gained against the groups that told right from wrong, with crosses "
        "for the accuracy reward alone; reflection before and after RL by size.",
        not_shown=[
            f"A run of {settings.max_steps} steps asks for {_asked(settings)} prompts, so that more of them than that "
            "only means that none repeats. A longer run on few prompts may still overfit.",
            "Each base is pretrained once, with the recipe's seed, as the recipe's base is: the intervals are over RL "
            "and problems, not over pretraining.",
            "A weak base here is one that was pretrained for less on the same text, which has worked solutions. One "
            "that never saw any may be another matter.",
            "Reflection is in the corpus; RL makes it more frequent. That it appears where none was is not tested.",
        ],
        tables=[
            by_level(samples, settings),
            by_family(samples, settings),
            of_groups(groups, settings),
            of_sizes(cells, settings),
        ],
    )


def runs_of(samples: pd.DataFrame, groups: pd.DataFrame, metrics: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per arm with RL on right answers and seed, as `figure.draw` takes it."""
    learning = settings.learning | settings.unformatted
    rows = []
    for row in metrics.to_dict("records"):
        arm, seed = str(row["arm"]), int(row["seed"])
        if arm not in learning:
            continue
        cell, own = learning[arm], groups[(groups["arm"] == arm) & (groups["seed"] == seed)]
        of_run = samples[(samples["arm"] == arm) & (samples["seed"] == seed)]
        right = of_run.groupby("when")["correct"].mean()
        reflects = of_run[of_run["family"].isin(settings.bounds.reflecting)].groupby("when")["reflects"].mean()
        rows.append(
            {
                "arm": arm,
                "seed": seed,
                "base": cell.base,
                "prompts": cell.prompts,
                "format": cell.format,
                "parameters": row["parameters"],
                "before": right["before"],
                "after": right["after"],
                "gain": right["after"] - right["before"],
                "none_right": own["none_right"].mean(),
                "some_right": own["some_right"].mean(),
                "reflects_before": reflects["before"],
                "reflects_after": reflects["after"],
            }
        )
    return pd.DataFrame(rows)


def _controls(samples: pd.DataFrame, settings: Settings) -> Claims:
    bounds = settings.bounds
    still, wrong = (effect(change(samples, arm), bounds) for arm in (settings.untouched, settings.wrong))
    return [
        claim(
            "untouched_stays",
            "Without RL, a second evaluation finds the same pass@1.",
            *(still, bounds.still, within(still, bounds.still)),
            control=True,
        ),
        claim(
            "wrong_answers_teach_nothing",
            "RL on other prompts' answers does not raise pass@1.",
            *(wrong, bounds.learns, below(wrong, bounds.learns)),
            control=True,
        ),
    ]


def _prompts(samples: pd.DataFrame, settings: Settings) -> Claims:
    """Of each number of prompts that the full base is trained on, against the largest."""
    bounds, most = settings.bounds, change(samples, settings.reference)
    learned = effect(most, bounds)
    claims = [
        claim(
            f"{settings.reference}_learns",
            f"From the full base, RL on {settings.arms[settings.reference].prompts} prompts raises pass@1.",
            *(learned, bounds.learns, exceeds(learned, bounds.learns)),
            control=True,
        )
    ]
    for name, cell in settings.learning.items():
        if cell.base == FULL and name != settings.reference:
            lost = effect(minus(change(samples, name), most), bounds)
            claims.append(
                claim(
                    f"{name}_suffices",
                    f"From the full base, {cell.prompts} prompts gain as much as "
                    f"{settings.arms[settings.reference].prompts}, up to the bound (pass@1).",
                    *(lost, -bounds.margin, exceeds(lost, -bounds.margin)),
                )
            )
    return claims


def _bases(samples: pd.DataFrame, groups: pd.DataFrame, settings: Settings) -> Claims:
    """Of each weaker base, and of the weakest against few prompts."""
    bounds, weakest = settings.bounds, settings.with_most(settings.shares[0])
    claims = []
    for base in settings.shares:
        if base == FULL:  # one of the controls
            continue
        name = settings.with_most(base)
        gained = effect(change(samples, name), bounds)
        claims.append(
            claim(
                f"{name}_learns",
                f"RL raises the pass@1 of the base that was pretrained for {_described(settings.bases[base])}.",
                *(gained, bounds.learns, exceeds(gained, bounds.learns)),
            )
        )
    gap = effect(minus(change(samples, settings.fewest), change(samples, weakest)), bounds)
    silent = effect(
        minus(by_step(groups, weakest, "none_right"), by_step(groups, settings.reference, "none_right")), bounds
    )
    return [
        *claims,
        claim(
            "base_before_prompts",
            f"The full base gains more from {settings.arms[settings.fewest].prompts} prompts than the weakest from "
            f"{settings.arms[settings.reference].prompts} (pass@1).",
            *(gap, 0.0, exceeds(gap, 0.0)),
        ),
        claim(
            "weak_base_finds_nothing",
            "From the weakest base, more groups have no right answer than from the full base, paired by step.",
            *(silent, bounds.silent, exceeds(silent, bounds.silent)),
        ),
    ]


def _rewards(samples: pd.DataFrame, settings: Settings) -> Claims:
    """Of each base that is also trained on the accuracy reward alone."""
    bounds, claims = settings.bounds, []
    for name, cell in settings.unformatted.items():
        both = settings.cell(cell.base, cell.prompts)
        assert both is not None  # the settings say so
        alone = change(samples, name)
        gained, more = effect(alone, bounds), effect(minus(alone, change(samples, both)), bounds)
        claims += [
            claim(
                f"{name}_learns",
                f"On the accuracy reward alone, RL raises the pass@1 of the {cell.base} base.",
                *(gained, bounds.learns, exceeds(gained, bounds.learns)),
            ),
            claim(
                f"{name}_gains_more",
                f"From the {cell.base} base, RL gains more on the accuracy reward alone than with the format reward "
                "(pass@1).",
                *(more, bounds.learns, exceeds(more, bounds.learns)),
            ),
        ]
    return claims


def _sizes(samples: pd.DataFrame, settings: Settings) -> Claims:
    claims = []
    for base in settings.sizes:
        name = settings.with_most(base)
        rise = effect(change(samples, name, "reflects", settings.bounds.reflecting), settings.bounds)
        claims.append(
            claim(
                f"{name}_reflects",
                f"In the {base} model, RL makes reflection more frequent where it pays.",
                *(rise, settings.bounds.reflects, exceeds(rise, settings.bounds.reflects)),
            )
        )
    return claims


def _answer(claims: dict[str, dict[str, Any]], cells: pd.DataFrame, settings: Settings) -> str:
    """One line that follows from the verdicts, whatever they are."""

    def gain(arm: str) -> str:
        return f"{100 * cells.loc[cells['arm'] == arm, 'gain'].mean():+.1f}"

    few = [name for name in settings.learning if claims.get(f"{name}_suffices", {}).get("verdict") == "supported"]
    enough = min((settings.arms[name].prompts for name in few), default=None)
    most = settings.arms[settings.reference].prompts
    if claims[f"{settings.reference}_learns"]["verdict"] != "supported":
        of_prompts = f"the full base is not shown to learn from {most} prompts"
    elif enough is not None:
        of_prompts = f"{enough} prompts are enough for what {most} gain from the full base"
    else:
        of_prompts = f"no fewer prompts are shown to gain what {most} do from the full base"
    bases = ", ".join(f"{gain(settings.with_most(base))} ({base})" for base in settings.shares)
    alone = ", ".join(f"{gain(name)} ({cell.base})" for name, cell in settings.unformatted.items())
    of_rewards = f", and by {alone} on the accuracy reward alone" if alone else ""
    grows = [
        base for base in settings.sizes if claims[f"{settings.with_most(base)}_reflects"]["verdict"] == "supported"
    ]
    of_size = f"reflection grows in {', '.join(grows)}" if grows else "reflection grows in none"
    return (
        f"In {settings.max_steps} steps {of_prompts}; {most} prompts change pass@1 by {bases} points{of_rewards}; of "
        f"the sizes, {of_size}."
    )


def _design(results: Results[Settings]) -> list[str]:
    settings = results.settings
    bases = "; ".join(f"{name}: {_described(base)}" for name, base in settings.bases.items())
    seconds = sum(
        float(read_json(results.folder / "metrics" / f"base-{name}.json")["seconds"]) for name in settings.bases
    )
    cells = "; ".join(f"{name}: {cell.base}, {cell.prompts}" for name, cell in settings.learning.items())
    return [
        f"The full base is the recipe's. The others have the recipe's pretraining, but for {bases}. They took "
        f"{seconds / 60:.0f} minutes of one core, which is not in the time below.",
        f"From each, RL with the recipe's rewards for {settings.max_steps} steps of {settings.batch_size} rollouts, in "
        f"groups of {settings.num_generations}; base and number of different prompts are {cells}. Fewer prompts are "
        "part of more, and repeat.",
        f"Before and after RL {settings.evaluated} problems per level are evaluated, {settings.samples} completions "
        "each, the second time with another sampling seed; one control has no RL in between. A group without a right "
        "answer teaches nothing but form; one that is all right, nothing either.",
        *_of_rewards(settings),
        f"The wrong answers of the other control are drawn from the same family. Reflection counts in "
        f"{', '.join(settings.bounds.reflecting)}, where trying again pays.",
    ]


def _of_rewards(settings: Settings) -> list[str]:
    if not settings.unformatted:
        return []
    return [
        f"Without the format reward, on the accuracy reward alone: {', '.join(settings.unformatted)}. An answer counts "
        "as right with or without the tags."
    ]


def _described(base: Base) -> str:
    steps = f"{base.steps:g} times the steps" if base.steps > 1 else f"{base.steps:g} of the steps"
    parts = [] if base.steps == 1 and base.small else [steps]
    if base.small:
        parts.append(f"{base.width:g} of the width and {base.depth:g} of the layers")
    return " and ".join(parts)


def _asked(settings: Settings) -> int:
    return settings.max_steps * settings.batch_size // settings.num_generations
