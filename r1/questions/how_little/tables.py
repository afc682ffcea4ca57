"""The page's tables."""

import pandas as pd

from r1.questions.effects import change, effect
from r1.questions.how_little.measures import OUTCOMES
from r1.questions.how_little.settings import Settings
from r1.reporting.tables import LEVELS, Table, signed


def by_level(samples: pd.DataFrame, settings: Settings) -> Table:
    """pass@1 of every arm by level, before and after RL, and how many completions have the format."""
    levels = [level for level in LEVELS if level in set(samples["level"])]
    rows = []
    for arm, cell in settings.arms.items():
        found = effect(change(samples, arm), settings.bounds)
        of_arm = samples[samples["arm"] == arm]
        shown = [_before_after(of_arm[of_arm["level"] == level]) for level in levels]
        formed = _before_after(of_arm, "well_formed")
        gain = signed(*(100 * found[key] for key in ("effect", "low", "high")))
        rows.append([arm, cell.base, str(cell.prompts), *shown, gain, formed])
    return Table(
        "Accuracy by level",
        "pass@1 % before and after RL, the gain over all levels in points, and the share of completions in the format "
        "that the format reward asks for.",
        ["arm", "base", "prompts", *(LEVELS[level] for level in levels), "gain", "well formed"],
        rows,
    )


def by_family(samples: pd.DataFrame, settings: Settings) -> Table:
    """pass@1 of every arm by family, before and after RL."""
    families = samples["family"].drop_duplicates().tolist()
    by_arm = dict(iter(samples.groupby("arm")))
    return Table(
        "Accuracy by family",
        "pass@1 % before and after RL.",
        ["arm", *families],
        [
            [arm, *(_before_after(by_arm[arm][by_arm[arm]["family"] == family]) for family in families)]
            for arm in settings.arms
        ],
    )


def of_groups(groups: pd.DataFrame, settings: Settings) -> Table:
    """What the groups of every arm had to learn from, in its first and last steps."""
    window, last = settings.bounds.window, groups["step"].max()
    rows = []
    for arm in settings.arms:
        own = groups[groups["arm"] == arm]
        if own.empty:
            continue
        ends = own[own["step"] <= window], own[own["step"] > last - window]
        shares = [f"{100 * end[name].mean():.1f}" for name in (*OUTCOMES, "silent", "right") for end in ends]
        rows.append([arm, *(f"{first} → {then}" for first, then in zip(shares[::2], shares[1::2], strict=True))])
    return Table(
        "What groups had to learn from",
        f"Shares of groups in %, mean of the first {window} and the last {window} steps. No variance: all rewards of "
        "the group are equal, those for form included. Right answers: share of the rollouts, on the arm's own prompts; "
        "the arm with wrong answers counts those as right.",
        ["arm", *OUTCOMES.values(), "no variance", "right answers"],
        rows,
    )


def of_sizes(cells: pd.DataFrame, settings: Settings) -> Table:
    """Accuracy and reflection by size, before and after RL."""
    rows = []
    for base in settings.sizes:
        runs = cells[cells["arm"] == settings.with_most(base)]
        shown = [
            " → ".join(f"{100 * runs[column].mean():.1f}" for column in pair)
            for pair in (("before", "after"), ("reflects_before", "reflects_after"))
        ]
        rows.append([base, f"{runs['parameters'].iloc[0]:,}", *shown])
    return Table(
        "Sizes",
        "All are pretrained on as many tokens. Reflection is the share of completions with a word of it, in the "
        "families where it pays.",
        ["model", "parameters", "pass@1 %", "reflection %"],
        rows,
    )


def _before_after(samples: pd.DataFrame, column: str = "correct") -> str:
    shares = samples.groupby("when")[column].mean()
    return f"{100 * shares['before']:.1f} → {100 * shares['after']:.1f}"
