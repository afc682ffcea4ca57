"""Published pass@1 by benchmark, each with its source and its sampling: what ours stands beside.

A benchmark is named as its data set in the configuration (`prepare.data_sets.aime_2024`), and so as its family in every
evaluation. A family of another name has no published scores: AIME 2024's are not AIME 2025's.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

BENCHMARKS = {"aime_2024": "AIME 2024", "math_500": "MATH-500", "gsm8k": "GSM8K"}
"""Names by family."""

COUNTERPARTS = {
    "base": "DeepSeek-V3-Base",
    "zero": "DeepSeek-R1-Zero",
    "r1": "DeepSeek-R1",
    "distill_qwen": "DeepSeek-R1-Distill-Qwen-7B",
    "distill_llama": "DeepSeek-R1-Distill-Llama-8B",
    "student_rl_qwen": "DeepSeek-R1-Zero-Qwen-32B",
}
"""The paper's model in the place of each of ours."""


@dataclass(frozen=True)
class Score:
    """A published pass@1.

    Attributes:
        model: name of the checkpoint, without its organisation.
        family: benchmark, see BENCHMARKS.
        percent: pass@1 in per cent.
        sampling: how completions were drawn, as the source says it.
        source: where it was published.
    """

    model: str
    family: str
    percent: float
    sampling: str
    source: str


_R1 = "temperature 0.6, top-p 0.95, up to 32,768 tokens, 64 samples"
"""README of deepseek-ai/DeepSeek-R1, section 4; the paper samples between 4 and 64, by the size of the test set."""
_GREEDY = "greedy"
_UNSTATED = "pass@1, sampling not stated"
_AVERAGED = "temperature 1, top-p 0.95, 32 samples"
_ONCE = "temperature 1, top-p 0.95, 1 sample"
_PAPER = "arXiv 2501.12948v1"
_ZOO = "README of hkust-nlp/simpleRL-reason, branch v1"
_FIRST = "README of hkust-nlp/simpleRL-reason, branch v0"


def _scores(source: str, model: str, **by_family: tuple[float, str]) -> Iterable[Score]:
    return (Score(model, family, percent, sampling, source) for family, (percent, sampling) in by_family.items())


SCORES: tuple[Score, ...] = (
    *_scores(f"{_PAPER}, section 2.2.4", "DeepSeek-V3-Base", aime_2024=(15.6, _R1)),
    *_scores(f"{_PAPER}, table 2", "DeepSeek-R1-Zero", aime_2024=(71.0, _R1), math_500=(95.9, _R1)),
    *_scores(f"{_PAPER}, table 4", "DeepSeek-R1", aime_2024=(79.8, _R1), math_500=(97.3, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Qwen-1.5B", aime_2024=(28.9, _R1), math_500=(83.9, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Qwen-7B", aime_2024=(55.5, _R1), math_500=(92.8, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Qwen-14B", aime_2024=(69.7, _R1), math_500=(93.9, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Qwen-32B", aime_2024=(72.6, _R1), math_500=(94.3, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Llama-8B", aime_2024=(50.4, _R1), math_500=(89.1, _R1)),
    *_scores(f"{_PAPER}, table 5", "DeepSeek-R1-Distill-Llama-70B", aime_2024=(70.0, _R1), math_500=(94.5, _R1)),
    *_scores(f"{_PAPER}, table 6", "DeepSeek-R1-Zero-Qwen-32B", aime_2024=(47.0, _R1), math_500=(91.6, _R1)),
    # SimpleRL published the base's scores twice: with its first models (PPO), and later with its second (GRPO, "Zoo").
    *_scores(_FIRST, "Qwen2.5-Math-7B", aime_2024=(16.7, _UNSTATED), math_500=(52.4, _UNSTATED)),
    *_scores(_FIRST, "Qwen-2.5-Math-7B-SimpleRL-Zero", aime_2024=(33.3, _UNSTATED), math_500=(77.2, _UNSTATED)),
    *_scores(_FIRST, "Qwen-2.5-Math-7B-SimpleRL", aime_2024=(26.7, _UNSTATED), math_500=(82.4, _UNSTATED)),
    *_scores(_ZOO, "Qwen2.5-Math-7B", aime_2024=(8.6, _AVERAGED), math_500=(63.6, _GREEDY), gsm8k=(65.5, _GREEDY)),
    *_scores(
        _ZOO,
        "Qwen-2.5-Math-7B-SimpleRL-Zoo",
        aime_2024=(24.0, _AVERAGED),
        math_500=(80.2, _ONCE),
        gsm8k=(90.2, _ONCE),
    ),
)


def scores_of(checkpoint: str) -> list[Score]:
    """Published scores of a checkpoint, by the last part of its hub id or its path."""
    return [score for score in SCORES if score.model == PurePath(checkpoint).name]


def counterparts_on(family: str) -> dict[str, str]:
    """What the paper's counterparts score on a benchmark, by our model; empty for any other family.

    >>> counterparts_on("math_500")["r1"], counterparts_on("aime_2025")
    ('97.3 (DeepSeek-R1)', {})
    """
    found = {score.model: score for score in SCORES if score.family == family}
    return {
        model: f"{found[published].percent:.1f} ({published})"
        for model, published in COUNTERPARTS.items()
        if published in found
    }
