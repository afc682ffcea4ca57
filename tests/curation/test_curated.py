"""Sets of examples from a scripted sampler: who is asked what, what is kept, and in which proportion."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from r1.config.sampling import PluginEngineConfig, TransformersEngineConfig
from r1.curation.cold_start import cold_start_set, with_few_shot
from r1.curation.curated import draw
from r1.curation.filters import NothingKept, drop_reasons
from r1.curation.form import into_form
from r1.curation.rejection import sft_set
from r1.models.chat import WORKED_EXAMPLES, as_messages
from r1.models.policy import Policy
from r1.sampling import Conversation
from tests.conftest import compose
from tests.sampling.scripted import Opened

PROBLEMS = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(1, 7)]
GENERAL = [{"prompt": f"Name fruit {n}.", "chosen": f"Apple {n}."} for n in range(20)]
ZERO, BASE, REASONING = (Policy(Path(f"models/{name}")) for name in ("zero", "base", "reasoning_rl"))
CONFIG = compose("cold_start_data.sampling.num_samples=3", "rejection_sampling.sampling.num_samples=3")


def right(model: str, conversation: Conversation, nth: int) -> str:
    """Right, in words of the model's own and of the sample's."""
    first = int(conversation[-1]["content"].split()[2])
    return f"<think>{model} says {nth}: {first} + 1 = {first + 1}.</think><answer>{first + 1}</answer>"


def right_at_first(model: str, conversation: Conversation, nth: int) -> str:
    return right(model, conversation, nth) if nth == 0 else "<think>So 1 + 1 = 0.</think><answer>0</answer>"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    opened = Opened(right)
    monkeypatch.setattr("r1.curation.curated.open_sampler", opened)
    return opened


def cold(**changes: Any) -> Any:
    return CONFIG.cold_start_data.model_copy(update={"max_kept_per_prompt": 6, "max_examples": 100, **changes})


def rejection(**changes: Any) -> Any:
    return CONFIG.rejection_sampling.model_copy(update={"max_kept_per_prompt": 1, "general_ratio": 0.5, **changes})


def test_the_cold_start_asks_zero_and_the_base_with_worked_examples(opened: Opened, tmp_path: Path) -> None:
    config = cold(few_shot=1)
    cold_start_set(ZERO, BASE, PROBLEMS, config, 7, tmp_path)
    zero, base = opened.samplers
    assert (zero.source, base.source) == ("zero", "base")
    assert zero.asked == [([as_messages(row["prompt"]) for row in PROBLEMS], config.sampling, 7)]
    assert base.asked == [([with_few_shot(row["prompt"], 1) for row in PROBLEMS], config.sampling, 7)]
    assert zero.closed and base.closed
    assert opened.checkpoints == [tmp_path, tmp_path]


@pytest.mark.parametrize("shots", [1, 2])
def test_few_shot_prompts_show_answered_examples_before_the_question(shots: int) -> None:
    conversation = with_few_shot("What is 1 + 1?", shots)
    assert [message["role"] for message in conversation] == [*["user", "assistant"] * shots, "user"]
    assert [message["content"] for message in conversation] == [
        *(text for example in WORKED_EXAMPLES[:shots] for text in example),
        "What is 1 + 1?",
    ]


def test_the_cold_start_keeps_both_sources_in_turn_and_rewritten(opened: Opened, tmp_path: Path) -> None:
    made = cold_start_set(ZERO, BASE, PROBLEMS, cold(max_kept_per_prompt=2), 7, tmp_path)
    assert len(made.examples) == 2 * len(PROBLEMS)
    for problem, first, second in zip(PROBLEMS, made.examples[::2], made.examples[1::2], strict=True):
        answer = f"</think>The answer is <answer>{problem['answer']}</answer>"
        assert first["prompt"] == second["prompt"] == problem["prompt"]
        assert first["completion"].startswith("<think>zero says 0") and first["completion"].endswith(answer)
        assert second["completion"].startswith("<think>base says 0") and second["completion"].endswith(answer)
    assert len(made.candidates) == 2 * 3 * len(PROBLEMS)
    assert {row["source"] for row in made.candidates} == {"zero", "base"}


def test_the_cold_start_ends_at_its_most_examples(opened: Opened, tmp_path: Path) -> None:
    made = cold_start_set(ZERO, BASE, PROBLEMS, cold(max_examples=5), 7, tmp_path)
    assert len(made.examples) == made.counts["examples"] == 5
    assert made.metrics["examples"] == 5


def test_metrics_say_engine_speed_and_reasons(opened: Opened, tmp_path: Path) -> None:
    opened.say = right_at_first
    made = cold_start_set(ZERO, BASE, PROBLEMS, cold(), 7, tmp_path)
    assert made.metrics["engine"] == "scripted"
    assert made.metrics["reasons"] == {"kept": 12, "wrong": 24} and made.metrics["candidates"] == 36
    assert made.metrics["tokens"] == sum(len(row["completion"].split()) for row in made.candidates)
    assert made.metrics["tokens_per_second"] > 0
    assert not {"engine", "tokens", "tokens_per_second"} & set(made.counts), "which the clock or the machine decides"


def test_the_sft_set_adds_general_examples_in_proportion(opened: Opened, tmp_path: Path) -> None:
    made = sft_set(REASONING, PROBLEMS, GENERAL, rejection(), 7, tmp_path)
    kinds = [row["kind"] for row in made.examples]
    assert kinds == ["reasoning"] * 6 + ["general"] * 3
    assert made.counts["reasoning"] == 6 and made.counts["general"] == 3
    for problem, row in zip(PROBLEMS, made.examples, strict=False):
        assert (row["prompt"], row["completion"]) == (
            problem["prompt"],
            right("reasoning_rl", as_messages(problem["prompt"]), 0),
        ), "as it was sampled"
    assert made.examples[6:] == [
        {"prompt": row["prompt"], "completion": row["chosen"], "kind": "general"} for row in GENERAL[:3]
    ]
    (sampler,) = opened.samplers
    assert sampler.source == "reasoning_rl" and sampler.closed and opened.checkpoints == [tmp_path]


@pytest.mark.parametrize(
    ("general", "ratio", "reasoning", "added"), [(2, 0.5, 4, 2), (0, 0.5, 0, 0), (0, 0.0, 6, 0), (20, 2.0, 6, 12)]
)
def test_there_are_no_more_reasoning_examples_than_general_ones_go_with(
    general: int, ratio: float, reasoning: int, added: int, opened: Opened, tmp_path: Path
) -> None:
    config = rejection(general_ratio=ratio)
    if not reasoning:
        with pytest.raises(NothingKept, match="enough 18"):
            sft_set(REASONING, PROBLEMS, GENERAL[:general], config, 7, tmp_path)
        return
    made = sft_set(REASONING, PROBLEMS, GENERAL[:general], config, 7, tmp_path)
    assert (made.counts["reasoning"], made.counts["general"]) == (reasoning, added)


ENGINES = {
    "transformers": TransformersEngineConfig(name="transformers", batch_size=4),
    "vllm": compose("engine@rejection_sampling.engine=vllm").rejection_sampling.engine,
    "ray": compose("engine@rejection_sampling.engine=ray").rejection_sampling.engine,
    "plugin": PluginEngineConfig(name="mine.Engine", options={}),
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_our_own_models_completions_stay_as_they_are(engine: Any, opened: Opened, tmp_path: Path) -> None:
    """Only an endpoint's are put into our form: a model of ours that lacks it must not look as if it had it."""
    said = "<think>3 + 1 = 4.</think>\\boxed{4}"
    assert into_form(said, "math") != said, "or else it would stay as it is whatever happens"
    opened.say = lambda *_: said
    problems = [{"prompt": "What is 3 + 1?", "task": "math", "answer": "4"}]
    sampling = CONFIG.rejection_sampling.sampling
    drawn = draw(ZERO, problems, [as_messages("What is 3 + 1?")], engine, sampling, 7, tmp_path)
    (candidates,) = drawn.candidates
    assert [candidate.completion.text for candidate in candidates] == [said] * sampling.num_samples
    assert set(drop_reasons(candidates, 80)) == {"no_single_answer"}


def test_prompts_that_do_not_fit_are_dropped_and_counted(opened: Opened, tmp_path: Path) -> None:
    """Worked examples leave the base less room than zero has."""
    long = {("zero", "What is 1 + 1?"), ("base", "What is 1 + 1?"), ("base", "What is 2 + 1?")}
    opened.say = lambda *asked: None if (asked[0], asked[1][-1]["content"]) in long else right(*asked)
    made = cold_start_set(ZERO, BASE, PROBLEMS, cold(), 7, tmp_path)
    assert made.counts["too_long"] == made.metrics["too_long"] == 3
    assert len(made.examples) == 3 * (2 * len(PROBLEMS) - 3) and len({row["prompt"] for row in made.examples}) == 5

    opened.say = lambda *asked: None if "What is 1" in asked[1][-1]["content"] else right(*asked)
    made = sft_set(REASONING, PROBLEMS, GENERAL, rejection(), 7, tmp_path)
    assert made.counts["too_long"] == made.metrics["too_long"] == 1 and made.counts["reasoning"] == 5


@pytest.mark.parametrize("of", ["cold_start", "sft"])
def test_a_set_without_an_example_is_an_error(of: str, opened: Opened, tmp_path: Path) -> None:
    opened.say = lambda *_: "<think>So 1 + 1 = 0.</think><answer>0</answer>"
    with pytest.raises(NothingKept, match=r"none of \d+ completions passed the filters: wrong \d+"):
        if of == "sft":
            sft_set(REASONING, PROBLEMS, GENERAL, rejection(), 7, tmp_path)
        else:
            cold_start_set(ZERO, BASE, PROBLEMS, cold(), 7, tmp_path)


@pytest.mark.parametrize("of", ["cold_start_data", "rejection_sampling"])
def test_a_set_of_truncated_completions_names_the_limit(of: str, opened: Opened, tmp_path: Path) -> None:
    opened.truncated = True
    most = getattr(CONFIG, of).sampling.max_new_tokens
    with pytest.raises(NothingKept, match=rf"truncated \d+ \({of}\.sampling\.max_new_tokens = {most}\); "):
        if of == "rejection_sampling":
            sft_set(REASONING, PROBLEMS, GENERAL, rejection(), 7, tmp_path)
        else:
            cold_start_set(ZERO, BASE, PROBLEMS, cold(), 7, tmp_path)


def test_a_set_is_saved_as_examples_and_candidates(opened: Opened, tmp_path: Path) -> None:
    made = sft_set(REASONING, PROBLEMS, GENERAL, rejection(), 7, tmp_path)
    made.save(tmp_path)
    assert pd.read_parquet(tmp_path / "examples.parquet").to_dict("records") == made.examples
    candidates = pd.read_parquet(tmp_path / "candidates.parquet")
    assert len(candidates) == 18 and candidates["reason"].value_counts()["kept"] == 6
