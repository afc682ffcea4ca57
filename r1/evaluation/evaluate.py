"""Evaluation of one model: sample, read and verify every completion, summarise by family and level.

Every completion has two verdicts: strict, on the answer in the form that RL rewards, and lenient, on the answer that
the field's evaluators would read (r1/rewards/reading.py). A gain in lenient pass@1 is one in skill rather than format.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from r1.config.evaluation import EvaluateConfig
from r1.data.general import refuses
from r1.evaluation.statistics import Estimate, estimate, majority, pass_at_k
from r1.evaluation.thinking import accuracy_by_budget
from r1.evaluation.verdicts import read_both_ways
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.rewards.preference import RewardModel, final_summary
from r1.rewards.response import REFLECTION_WORDS, count_reflections, is_mixed, parse_response, unreadable_because
from r1.sampling import Completion, Sampler, open_sampler
from r1.tasks import votes

SAMPLES, PROBLEMS, GENERAL = "samples.parquet", "problems.parquet", "general.parquet"
BUDGETS = "budgets.parquet"
"""Accuracy by problem and thinking budget, of the models of evaluate.thinking."""
WITHOUT_WORDS, WITHOUT_WORDS_PROBLEMS = "without_words.parquet", "without_words_problems.parquet"
"""Completions and per-problem values without the forbidden words, of the models of evaluate.intervention."""
NO_ROOM = Completion("", tokens=0, truncated=False)
"""Stands for each completion of a prompt that does not fit in the context."""
Summary = dict[str, dict[str, dict[str, Estimate]]]
"""Family (or data set) -> level -> metric -> estimate; general prompts under `general`, level `all`."""


@dataclass(frozen=True)
class Evaluation:
    """Evaluation of one model: every completion, per-problem values, general prompts, and the summary.

    Attributes:
        further: tables of the measurements that are made of some models only, by file name.
    """

    samples: pd.DataFrame
    problems: pd.DataFrame
    general: pd.DataFrame
    summary: Summary
    further: dict[str, pd.DataFrame]

    @property
    def counts(self) -> dict[str, int]:
        """Counts for the manifest."""
        return {
            "problems": len(self.problems),
            "samples": len(self.samples),
            "general": len(self.general),
            "too_long": int(self.problems["too_long"].sum() + self.general["too_long"].sum()),
        }

    def save(self, directory: Path) -> None:
        """Write the tables."""
        tables = {SAMPLES: self.samples, PROBLEMS: self.problems, GENERAL: self.general, **self.further}
        for name, table in tables.items():
            table.to_parquet(directory / name, index=False)


def evaluate(
    model: str,
    policy: Policy,
    problems: list[dict[str, Any]],
    general: list[dict[str, Any]],
    judges: Mapping[str, Path],
    config: EvaluateConfig,
    seed: int,
    checkpoints: Path,
) -> Evaluation:
    """Sample a model on all problems and general prompts, and summarise.

    Args:
        model: its name, which decides what else is measured: evaluate.thinking.models, evaluate.intervention.models.
        policy: model to evaluate.
        problems: rows of `prompt`, `family`, `task`, `level`, `answer`.
        general: rows of `prompt`, `kind`, `category`, `chosen`.
        judges: reward-model directory by kind.
        config: engine and sampling parameters; resamples and confidence of the intervals.
        seed: sampling seed.
        checkpoints: folder that keeps finished completions, to resume from.
    """
    sampler = open_sampler(policy, config.engine, checkpoints)
    samples, further = sample_problems(sampler, problems, config, seed), dict[str, pd.DataFrame]()
    if model in config.thinking.models:
        further[BUDGETS] = accuracy_by_budget(sampler, policy.first_tokens, samples, config, seed)
    if model in config.intervention.models:
        words = config.intervention.bad_words or REFLECTION_WORDS
        sampling = config.sampling.model_copy(update={"bad_words": words})
        without = sample_problems(sampler, problems, config.model_copy(update={"sampling": sampling}), seed)
        further |= {WITHOUT_WORDS: without, WITHOUT_WORDS_PROBLEMS: per_problem(without)}
    judged = sample_general(sampler, general, judges, config, seed)
    by_problem = per_problem(samples)
    return Evaluation(samples, by_problem, judged, summarise(by_problem, judged, config), further)


def sample_problems(
    sampler: Sampler, problems: list[dict[str, Any]], config: EvaluateConfig, seed: int
) -> pd.DataFrame:
    """Sample every problem, and read and verify each completion.

    Returns:
        One row per completion: problem, prompt, family, task, level, answer, completion, predicted, correct,
        lenient_predicted, lenient_correct, tokens, truncated, well_formed, mixed, reflections, unreadable, too_long.
        A problem that does not fit in the context (too_long) has empty completions, which count as wrong.
    """
    drawn = sampler.sample([as_messages(problem["prompt"]) for problem in problems], config.sampling, seed)
    too_long = [not completions for completions in drawn]
    drawn = [completions or [NO_ROOM] * config.sampling.num_samples for completions in drawn]
    asked = [
        (number, problem, completion)
        for number, (problem, completions) in enumerate(zip(problems, drawn, strict=True))
        for completion in completions
    ]
    verdicts = read_both_ways(
        [completion.text for *_, completion in asked],
        [problem["task"] for _, problem, _ in asked],
        [problem["answer"] for _, problem, _ in asked],
    )
    return pd.DataFrame(
        [
            {
                "problem": number,
                **{key: problem[key] for key in ("prompt", "family", "task", "level", "answer")},
                "completion": completion.text,
                **verdict,
                **_behaviour(completion),
                "too_long": too_long[number],
            }
            for (number, problem, completion), verdict in zip(asked, verdicts, strict=True)
        ]
    )


def _behaviour(completion: Completion) -> dict[str, Any]:
    text = completion.text
    return {
        "tokens": completion.tokens,
        "truncated": completion.truncated,
        "well_formed": parse_response(text).well_formed,
        "mixed": is_mixed(text),
        "reflections": count_reflections(text),
        "unreadable": unreadable_because(text) or "",
    }


def per_problem(samples: pd.DataFrame) -> pd.DataFrame:
    """Aggregate completions to one row per problem, the unit that metrics average over.

    Columns: family, level, pass_at_1, pass_at_<k>, maj_at_k, lenient_pass_at_1, lenient_maj_at_k, response_tokens,
    format_rate, language_mixing, reflection_rate, readability, truncation, too_long (1 if it does not fit).
    """
    rows = []
    for _, group in samples.groupby("problem", sort=True):
        n, correct = len(group), int(group["correct"].sum())
        first = group.iloc[0]
        voted_right = _majority_is_right(first["task"], group["predicted"], group["correct"])
        lenient_voted_right = voted_right
        if not group["predicted"].equals(group["lenient_predicted"]):  # otherwise the same votes, which cost
            lenient_voted_right = _majority_is_right(
                first["task"], group["lenient_predicted"], group["lenient_correct"]
            )
        rows.append(
            {
                "family": first["family"],
                "level": first["level"],
                "pass_at_1": correct / n,
                **{f"pass_at_{k}": pass_at_k(n, correct, k) for k in (2, 4, 8, 16, 32, 64) if k <= n},
                "maj_at_k": float(voted_right),
                "lenient_pass_at_1": group["lenient_correct"].mean(),
                "lenient_maj_at_k": float(lenient_voted_right),
                "response_tokens": group["tokens"].mean(),
                "format_rate": group["well_formed"].mean(),
                "language_mixing": group["mixed"].mean(),
                "reflection_rate": (group["reflections"] > 0).mean(),
                "readability": (group["unreadable"] == "").mean(),
                "truncation": group["truncated"].mean(),
                "too_long": float(first["too_long"]),
            }
        )
    return pd.DataFrame(rows)


def _majority_is_right(task: str, predicted: pd.Series, correct: pd.Series) -> bool:
    """Whether the answer that most samples of one problem give is right; answers are compared by value."""
    answered = predicted.dropna()
    voted_for = pd.Series(votes(task, answered.tolist()), index=answered.index, dtype=object)
    voted = majority(voted_for.tolist())
    return voted is not None and voted in set(voted_for[correct[answered.index].astype(bool)])


def sample_general(
    sampler: Sampler, prompts: list[dict[str, Any]], judges: Mapping[str, Path], config: EvaluateConfig, seed: int
) -> pd.DataFrame:
    """Sample one response per general prompt; the reward model of its kind compares it with the preferred reference.

    Closes the sampler.

    Returns:
        One row per prompt: prompt, kind, category, completion, win (1, 0.5 for a tie, 0), refused, too_long. The
        judge is the reward model that final RL optimises: for r1, the win rate measures how well RL optimised that
        reward, not quality. A prompt that does not fit in the context has an empty completion, which loses.
    """
    sampling = config.sampling.model_copy(update={"num_samples": 1, "max_new_tokens": config.general_max_new_tokens})
    drawn = sampler.sample([as_messages(prompt["prompt"]) for prompt in prompts], sampling, seed)
    sampler.close()  # frees its memory for the judges
    table = pd.DataFrame(prompts)[["prompt", "kind", "category", "chosen"]]
    table["too_long"] = [not completions for completions in drawn]
    table["completion"] = [(completions or [NO_ROOM])[0].text for completions in drawn]
    table["refused"] = [refuses(final_summary(text)) for text in table["completion"]]
    table["win"] = np.nan
    for kind, directory in judges.items():
        rows = table["kind"] == kind
        model, asked = RewardModel(directory), table.loc[rows, "prompt"].tolist()
        read = final_summary if kind == "helpful" else str
        ours = np.array(model.score(asked, [read(text) for text in table.loc[rows, "completion"]]))
        theirs = np.array(model.score(asked, table.loc[rows, "chosen"].tolist()))
        table.loc[rows, "win"] = np.where(np.isclose(ours, theirs), 0.5, ours > theirs)
    table.loc[table["too_long"], "win"] = 0.0
    return table


def summarise_problems(problems: pd.DataFrame, config: EvaluateConfig) -> Summary:
    """Estimate every metric of the per-problem table by family and level."""
    summary: Summary = {}
    for (family, level), table in problems.groupby(["family", "level"], sort=False):
        summary.setdefault(str(family), {})[str(level)] = {
            str(name): estimate(table[name], config.bootstrap_resamples, config.confidence)
            for name in table.columns
            if name not in ("family", "level")
        }
    return summary


def summarise(problems: pd.DataFrame, general: pd.DataFrame, config: EvaluateConfig) -> Summary:
    """Estimate every metric by family and level; general prompts are under `general`, level `all`."""
    summary = summarise_problems(problems, config)
    by_category = {category: table["refused"].astype(float) for category, table in general.groupby("category")}
    of_general = {"preference_win_rate": general["win"], "too_long": general["too_long"].astype(float)}
    for category in ("harmful", "benign"):
        if category in by_category:
            of_general[f"refusal_of_{category}"] = by_category[category]
    summary["general"] = {
        "all": {
            name: estimate(values, config.bootstrap_resamples, config.confidence) for name, values in of_general.items()
        }
    }
    return summary
