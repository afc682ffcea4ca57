"""The claims about transfer, and the page."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from r1.questions.effects import below, claim, effect, exceeds
from r1.questions.page import Page, Results
from r1.questions.skill_transfer.figure import heat_map
from r1.questions.skill_transfer.gains import (
    Relation,
    difference,
    gains,
    mean_gain,
    relation,
    score_gains,
    split_gain,
    tasks_of,
)
from r1.questions.skill_transfer.settings import GENERAL, Settings
from r1.reporting.tables import Table, signed

TITLE = "Which skills does RL transfer, and do pass/fail rewards and preferences get on?"
SCORE, SD = "general prompts", "SD"


def judged(results: Results[Settings]) -> Page:
    """Judge what each arm gains on its own families, on the rest, and on general prompts."""
    settings = results.settings
    samples, general = results.table("samples"), results.table("general")
    table, scores = gains(samples, settings), score_gains(general, settings)
    claims = [*_controls(table, scores, settings), *_transfer(table, settings), *_preference(table, scores, settings)]
    rows = [name for name in settings.arms if name != settings.base]
    matrix = {
        (str(arm), str(family)): effect(mean_gain(cell), settings.bounds)
        for (arm, family), cell in table.groupby(["arm", "family"])
    }
    by_score = {
        (str(arm), SCORE): effect(mean_gain(cell), settings.bounds) for arm, cell in scores.groupby("arm", sort=False)
    }
    columns = _columns(samples, settings)
    trained = {
        (name, family if family != GENERAL else SCORE) for name in rows for family in settings.arms[name].trains_on
    }
    return Page(
        title=TITLE,
        answer=_answer({one["id"]: one for one in claims}),
        design=_design(settings),
        claims=claims,
        figure=heat_map(rows, matrix, columns, trained, by_score, SCORE),
        caption="Change from the base to each arm after RL, with its interval; frames: what the arm was trained on.",
        not_shown=[
            "Families of a miniature: all are arithmetic, and the base has seen worked solutions of each. Transfer "
            "between reasoning and, say, law or code is another matter.",
            f"{settings.max_steps} steps of {settings.batch_size} rollouts. What a longer run adds, and whether "
            "that transfers, is not measured.",
            "The preference models judge what they are the reward of: the score says how far RL by preference got, not "
            "whether people would agree.",
            "Whether a completion has an equals sign is a coarse sign of a worked solution.",
        ],
        tables=[_split(samples, settings), _by_category(scores, settings)],
    )


def _controls(table: pd.DataFrame, scores: pd.DataFrame, settings: Settings) -> Iterator[dict[str, Any]]:
    bounds = settings.bounds
    own = effect(mean_gain(_specialists(table, settings, "own")), bounds)
    yield claim(
        "own_gains",
        "RL on one family raises pass@1 on it.",
        *(own, bounds.learns, exceeds(own, bounds.learns)),
        control=True,
    )
    nothing = effect(mean_gain(table[table["arm"] == settings.shuffled]), bounds)
    yield claim(
        "shuffled_gains_nothing",
        "With rewards exchanged within the group, RL raises pass@1 on all families by less than the bound.",
        *(nothing, bounds.nothing, below(nothing, bounds.nothing)),
        control=True,
    )
    liked = effect(mean_gain(scores[scores["arm"] == settings.preference]), bounds)
    yield claim(
        "preference_gains",
        "RL by preference raises the preference score on general prompts that it was not trained on.",
        *(liked, bounds.liked, exceeds(liked, bounds.liked)),
        unit=SD,
        control=True,
    )


def _transfer(table: pd.DataFrame, settings: Settings) -> Iterator[dict[str, Any]]:
    bounds = settings.bounds
    kinds: tuple[tuple[Relation, str, str], ...] = (
        ("other task", "one_transfers", "RL on one family raises pass@1 on families of other tasks, unseen in RL."),
        ("same task", "one_generalises", "RL on one family raises pass@1 on harder and other forms of its task."),
    )
    for kind, id, text in kinds:
        cells = _specialists(table, settings, kind)
        if len(cells):
            found = effect(mean_gain(cells), bounds)
            yield claim(id, text, *(found, bounds.transfers, exceeds(found, bounds.transfers)))
    others = _specialists(table, settings, "other task")
    own = _specialists(table, settings, "own")
    if len(others[others["family"].isin(settings.specialists)]):
        found = effect(difference(own, others), bounds)
        yield claim(
            "own_gains_more",
            "On the same problems, RL on their own family raises pass@1 more than RL on a family of another task.",
            *(found, 0.0, exceeds(found, 0.0)),
        )
    for arm in settings.generalists:
        trained, ours = settings.arms[arm].trains_on, table[table["arm"] == arm]
        peers = own[own["family"].isin(trained)]
        if len(peers):
            found = effect(difference(ours, peers), bounds)
            yield claim(
                f"{arm}_keeps_up",
                f"On its families, the arm {arm} is as good as RL on each alone, with as many rollouts in all.",
                *(found, -bounds.margin, exceeds(found, -bounds.margin)),
            )
        alone = others[others["arm"].isin([settings.specialists.get(family) for family in trained])]
        unseen = ours[ours["relation"] == "other task"]
        if len(unseen) and len(alone):
            found = effect(difference(unseen, alone), bounds)
            yield claim(
                f"{arm}_transfers_more",
                f"To tasks that none of them has seen, the arm {arm} transfers more than RL on one of its families.",
                *(found, 0.0, exceeds(found, 0.0)),
            )


def _preference(table: pd.DataFrame, scores: pd.DataFrame, settings: Settings) -> Iterator[dict[str, Any]]:
    bounds = settings.bounds
    kept = effect(mean_gain(table[table["arm"] == settings.preference]), bounds)
    yield claim(
        "preference_keeps_reasoning",
        "RL by preference alone loses no more pass@1 on the reasoning families than the bound.",
        *(kept, -bounds.margin, exceeds(kept, -bounds.margin)),
    )
    liked = effect(mean_gain(scores[scores["arm"] == settings.widest]), bounds)
    yield claim(
        "reasoning_keeps_preference",
        f"RL on reasoning alone (the arm {settings.widest}) lowers the preference score by no more than the bound.",
        *(liked, -bounds.liked, exceeds(liked, -bounds.liked)),
        unit=SD,
    )


def _specialists(table: pd.DataFrame, settings: Settings, kind: Relation) -> pd.DataFrame:
    return table[table["arm"].isin(settings.specialists.values()) & (table["relation"] == kind)]


def _columns(samples: pd.DataFrame, settings: Settings) -> dict[str, str]:
    """Families, those that an arm trains on first, and their labels with the base's pass@1."""
    trained = [family for arm in settings.arms.values() for family in arm.trains_on]
    base = samples[samples["arm"] == settings.base]
    families = sorted(dict.fromkeys(base["family"]), key=lambda name: trained.index(name) if name in trained else 99)
    return {
        name: f"{name.replace('_', chr(10), 1)}\n({100 * base.loc[base['family'] == name, 'correct'].mean():.0f} %)"
        for name in families
    }


def _split(samples: pd.DataFrame, settings: Settings) -> Table:
    """Gains of each arm by relation, split into working out more often and better."""
    tasks = tasks_of(samples)
    by_family = {(str(arm), str(family)): rows for (arm, family), rows in samples.groupby(["arm", "family"])}
    rows = []
    for arm, own in settings.arms.items():
        if arm == settings.base:
            continue
        by_relation: dict[str, list[tuple[float, float, float, float]]] = {}
        for family in tasks:
            before, after = by_family[settings.base, family], by_family[arm, family]
            values = (float(before["worked"].mean()), float(after["worked"].mean()), *split_gain(before, after))
            by_relation.setdefault(relation(family, own.trains_on, tasks), []).append(values)
        for name in ("own", "same task", "other task"):
            if name in by_relation:
                first, last, often, better = pd.DataFrame(by_relation[name]).mean().mul(100)
                shares = f"{first:.0f} → {last:.0f}"
                rows.append([arm, name, shares, f"{often + better:+.1f}", f"{often:+.1f}", f"{better:+.1f}"])
    return Table(
        "More often or better worked out",
        "A gain may come from working a problem out (the completion has an equals sign) where the base guesses, or "
        "from being right more often, worked out or not. Means over families, points.",
        ["arm", "families", "worked out %", "gain", "from more often", "from better"],
        rows,
    )


def _by_category(scores: pd.DataFrame, settings: Settings) -> Table:
    """The change of the preference score by category of general prompts, creative ones among them."""
    categories = list(dict.fromkeys(scores["category"]))
    rows = []
    for arm in settings.arms:
        if arm == settings.base:
            continue
        cells = []
        for category in categories:
            of_arm = scores[(scores["arm"] == arm) & (scores["category"] == category)]
            found = effect(mean_gain(of_arm), settings.bounds)
            cells.append(signed(found["effect"], found["low"], found["high"]))
        rows.append([arm, *cells])
    return Table(
        "Preference score by category",
        "Change from the base, in standard deviations of the base's scores.",
        ["arm", *categories],
        rows,
    )


def _answer(claims: dict[str, dict[str, Any]]) -> str:
    """One line that follows from the effects, whatever they are."""
    if failed := [one["id"] for one in claims.values() if one["control"] and one["verdict"] != "supported"]:
        return f"No answer, since a control did not hold: {', '.join(failed)}."
    parts = [f"{_points(claims['own_gains'])} on it"]
    if "one_transfers" in claims:
        parts.append(f"{_points(claims['one_transfers'])} on other tasks")
    reasoning, liked = claims["preference_keeps_reasoning"], claims["reasoning_keeps_preference"]
    score = round(liked["effect"], 1) + 0.0  # a zero below zero has no sign
    return (
        f"RL on one family brings {' and '.join(parts)}; RL by preference alone changes reasoning by "
        f"{_points(reasoning)}, RL on reasoning alone the preference score by {score:+.1f} SD."
    )


def _points(found: dict[str, Any]) -> str:
    return f"{round(100 * found['effect']):+d} points"


def _design(settings: Settings) -> list[str]:
    arms = "; ".join(
        f"{name}: {', '.join(own.trains_on)}{' with shuffled rewards' if own.shuffled else ''}"
        for name, own in settings.arms.items()
        if own.trains_on
    )
    return [
        f"RL from the base for {settings.max_steps} steps of {settings.batch_size} rollouts. {arms}. Up to "
        f"{settings.problems} problems per family, none of which is evaluated; the reward is accuracy, for general "
        "prompts the preference models' score.",
        "shuffled exchanges the rewards of a prompt's completions among them: as much training, no information.",
        f"All arms and the untrained base are evaluated on {settings.evaluated} problems per family, "
        f"{settings.samples} completions each, and once on each general prompt; the same problems and sampling seed in "
        "all arms, so that gains are paired. Families of one task share a verifier.",
        "SD is the standard deviation of the base's preference scores, those of each preference model apart.",
    ]
