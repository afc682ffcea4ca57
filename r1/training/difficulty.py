"""Which prompts RL trains on, by how often the starting policy solves them.

A prompt whose completions are all right or all wrong has no variance in its
group and teaches nothing; choosing beforehand spends the rollouts where there
is something to learn (Kimi k1.5, arXiv 2501.12599, section 2.1; DAPO drops such
groups after sampling them).
"""

from pathlib import Path
from typing import Any

from r1.config import ByPassRate, Difficulty, RlStage, Sampling
from r1.errors import UserError
from r1.models.chat import as_messages
from r1.rewards.accuracy import is_correct
from r1.sampling import open_sampler


class NothingLeft(UserError):
    """No prompt is within the bounds of the pass rate."""


def choose(
    rows: list[dict[str, Any]], policy: Path, difficulty: Difficulty, stage: RlStage, seed: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The RL prompts within the bounds of the pass rate, the easiest first; or all, unmeasured.

    Args:
        rows: `prompt`, `task`, `answer`.
        policy: model directory that RL starts from.
        difficulty: bounds and how to sample.
        stage: gives temperature and length, so that what is measured is what RL will sample.
        seed: of sampling.

    Returns:
        The chosen rows, and counts: all, chosen, too_easy, too_hard.

    Raises:
        NothingLeft: if no prompt is left.
    """
    if not isinstance(difficulty, ByPassRate):
        return rows, {"all": len(rows), "chosen": len(rows), "too_easy": 0, "too_hard": 0}
    sampling = Sampling(
        temperature=stage.temperature,
        top_p=1.0,
        max_new_tokens=stage.max_completion_length,
        num_samples=difficulty.num_samples,
    )
    sampler = open_sampler(policy, difficulty.engine)
    drawn = sampler.sample([as_messages(row["prompt"]) for row in rows], sampling, seed)
    rates = [
        sum(is_correct(completion.text, row["task"], row["answer"]) for completion in completions) / len(completions)
        for row, completions in zip(rows, drawn, strict=True)
    ]
    return within(rows, rates, difficulty)


def within(
    rows: list[dict[str, Any]], rates: list[float], bounds: ByPassRate
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows whose pass rate is within the bounds, the easiest first, and counts by reason.

    Raises:
        NothingLeft: if no row is.
    """
    counts = {
        "all": len(rows),
        "chosen": sum(bounds.min_pass_rate <= rate <= bounds.max_pass_rate for rate in rates),
        "too_easy": sum(rate > bounds.max_pass_rate for rate in rates),
        "too_hard": sum(rate < bounds.min_pass_rate for rate in rates),
    }
    if not counts["chosen"]:
        raise NothingLeft(
            f"rl.difficulty: no prompt has a pass rate from {bounds.min_pass_rate} to {bounds.max_pass_rate}: {counts}"
        )
    order = sorted(range(len(rows)), key=lambda index: -rates[index])
    return [rows[index] for index in order if bounds.min_pass_rate <= rates[index] <= bounds.max_pass_rate], counts
