"""Choose the prompts RL trains on by the initial policy's pass rate.

A group whose completions are all correct or all wrong has no reward variance and
gives no gradient. Filtering prompts beforehand spends no rollouts on such groups
(Kimi k1.5, arXiv 2501.12599, section 2.1; DAPO drops them after sampling).
"""

import logging
from itertools import islice
from typing import Any, NamedTuple

from r1.config.rl import PassRateConfig, RlStageConfig
from r1.config.sampling import SamplingConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.rewards.accuracy import are_correct
from r1.rl.gold import suspects
from r1.rl.settings import RlSettings
from r1.rl.validation import hold_back
from r1.sampling import open_sampler
from r1.sampling.fitting import fitting, room
from r1.support.errors import UserError
from r1.support.processes import world_size

log = logging.getLogger(__name__)


class NothingLeft(UserError):
    """No prompt has a pass rate within the bounds."""


class Choice(NamedTuple):
    """The prompts that RL trains on.

    Attributes:
        rows: the chosen ones.
        counts: all, chosen, too_easy, too_hard, too_long, suspect_gold; held_back with `rl.validation_steps`.
        suspects: rows of r1/rl/gold.py, of prompts whose gold answer may be wrong; empty if no pass rate was measured.
        held_back: problems to evaluate on with `rl.validation_steps`, none of them among `rows`.
    """

    rows: list[dict[str, Any]]
    counts: dict[str, int]
    suspects: list[dict[str, Any]]
    held_back: list[dict[str, Any]]


def choose_prompts(rows: list[dict[str, Any]], policy: Policy, settings: RlSettings, seed: int) -> Choice:
    """Choose the prompts that fit in the context and, if pass rates are bounded, are within the bounds, easiest first.

    Problems for evaluation are held back before pass rates are measured.

    Args:
        rows: `prompt`, `task`, `answer`.
        policy: the initial policy.
        settings: the bounds, and RL's temperature and completion length, under which the pass rate is measured.
        seed: for sampling and holding back.

    Raises:
        ContextExceeded: if no prompt fits.
        NothingLeft: if no prompt is within the bounds.
        UserError: if there are too few to hold a problem back for each process.
    """
    stage, shared, difficulty = settings.stage, settings.shared, settings.shared.difficulty
    fit, held_back = within_context(rows, policy, stage), list[dict[str, Any]]()
    if shared.validation_steps:
        fit, held_back = hold_back(fit, shared.validation_problems, seed)
        if len(held_back) < world_size():
            every = shared.validation_steps
            raise UserError(f"rl.validation_steps = {every}: too few prompts to hold any back; set it to 0")
    counts = {"all": len(rows), "chosen": len(fit), "too_easy": 0, "too_hard": 0}
    chosen, suspected = fit, list[dict[str, Any]]()
    if isinstance(difficulty, PassRateConfig):
        fit, rates, suspected = _measured(fit, policy, difficulty, stage, seed)
        chosen, measured = within(fit, rates, difficulty)
        counts |= {**measured, "all": len(rows)}
    if suspected:
        log.warning(
            "%d of %d prompts may have a wrong gold answer: the samples agree on another, such as %r for %r",
            len(suspected),
            len(rows),
            suspected[0]["voted"],
            suspected[0]["answer"],
        )
    counts |= {"too_long": len(rows) - len(held_back) - len(fit), "suspect_gold": len(suspected)}
    if held_back:
        counts["held_back"] = len(held_back)
    return Choice(chosen, counts, suspected, held_back)


def within_context(rows: list[dict[str, Any]], policy: Policy, stage: RlStageConfig) -> list[dict[str, Any]]:
    """Rows whose prompt has at most max_prompt_length tokens and leaves room for a full completion; warns of others.

    Raises:
        ContextExceeded: if no row does.
    """
    most = room(policy.context_length, stage.max_completion_length, stage.max_prompt_length)
    if most is None:
        return rows
    limits = f"max_completion_length = {stage.max_completion_length} in a context of {policy.context_length} tokens"
    if most == stage.max_prompt_length:
        limits = f"max_prompt_length = {most}"
    prompts = policy.prompt_ids([as_messages(row["prompt"]) for row in rows])
    return [rows[index] for index in fitting(prompts, most, limits)]


def _measured(
    rows: list[dict[str, Any]], policy: Policy, difficulty: PassRateConfig, stage: RlStageConfig, seed: int
) -> tuple[list[dict[str, Any]], list[float], list[dict[str, Any]]]:
    """The prompts that fit in the engine's context, their pass rates, and suspects among those no sample solves."""
    sampling = SamplingConfig(
        temperature=stage.temperature,
        top_p=1.0,
        max_new_tokens=stage.max_completion_length,
        num_samples=difficulty.num_samples,
    )
    sampler = open_sampler(policy, difficulty.engine)
    drawn = sampler.sample([as_messages(row["prompt"]) for row in rows], sampling, seed)
    sampler.close()  # free its memory for training
    # An endpoint may have a smaller context than the policy.
    rows = [row for row, completions in zip(rows, drawn, strict=True) if completions]
    drawn = [completions for completions in drawn if completions]
    answered = [(completion, row) for row, completions in zip(rows, drawn, strict=True) for completion in completions]
    correct = iter(
        are_correct(
            [completion.text for completion, _ in answered],
            [row["task"] for _, row in answered],
            [row["answer"] for _, row in answered],
        )
    )
    rates = [sum(islice(correct, len(completions))) / len(completions) for completions in drawn]
    unsolved = [number for number, rate in enumerate(rates) if rate == 0]
    texts = [[completion.text for completion in drawn[number]] for number in unsolved]
    return rows, rates, suspects([rows[number] for number in unsolved], texts)


def within(
    rows: list[dict[str, Any]], rates: list[float], bounds: PassRateConfig
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows whose pass rate is within the bounds, easiest first, and counts by reason.

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
