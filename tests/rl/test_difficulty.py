"""The choice of prompts: by context and by pass rate."""

from pathlib import Path

import pytest

from r1.models.policy import Policy
from r1.rl.difficulty import NothingLeft, choose_prompts, within, within_context
from r1.rl.settings import RlSettings
from r1.sampling import Conversation
from r1.sampling.fitting import ContextExceeded
from r1.support.errors import UserError
from tests.conftest import compose
from tests.sampling.scripted import Opened
from tests.trainings import SMOKE, dense

ANY_RATE = ("rl.difficulty.min_pass_rate=0", "rl.difficulty.max_pass_rate=1")


def chosen_by(difficulty: str, *overrides: str) -> RlSettings:
    """A smoke run's settings, with the default profile's measure of difficulty."""
    measured = compose(f"rl/difficulty={difficulty}", *overrides).rl.difficulty
    return RlSettings(SMOKE.zero, SMOKE.rl.model_copy(update={"difficulty": measured}))


def sampled(answers: dict[str, list[str]]) -> Opened:
    """In place of `open_sampler`: the answers of each prompt's samples; a prompt without any does not fit."""

    def say(model: str, conversation: Conversation, nth: int) -> str | None:
        said = answers[conversation[-1]["content"]]
        return f"<think>x</think><answer>{said[nth]}</answer>" if said else None

    return Opened(say)


def test_pass_rate_chooses_and_orders_prompts() -> None:
    bounds = compose("rl/difficulty=curriculum").rl.difficulty
    rows = [{"prompt": name} for name in ("never", "seldom", "often", "always")]
    chosen, counts = within(rows, [0.0, 0.25, 0.75, 1.0], bounds)  # type: ignore[arg-type]
    assert [row["prompt"] for row in chosen] == ["often", "seldom"]
    assert counts == {"all": 4, "chosen": 2, "too_easy": 1, "too_hard": 1}
    with pytest.raises(NothingLeft, match=r"from 0.01 to 0.99: .*'too_hard': 4"):
        within(rows, [0.0] * 4, bounds)  # type: ignore[arg-type]
    assert issubclass(NothingLeft, UserError)


def test_all_prompts_are_used_unmeasured(tiny_model: Path) -> None:
    rows = [{"prompt": "p"}]
    chosen, counts, *_ = choose_prompts(rows, Policy(tiny_model), RlSettings(SMOKE.zero, SMOKE.rl), seed=0)
    assert chosen == rows and counts == {
        "all": 1,
        "chosen": 1,
        "too_easy": 0,
        "too_hard": 0,
        "too_long": 0,
        "suspect_gold": 0,
    }


@pytest.mark.parametrize("name", ["all", "filtered"])
def test_prompts_too_long_for_the_context_are_left_out(
    name: str, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"prompt": "What is 1 + 1?" + " + 1" * n, "task": "chain_sum", "answer": "2"} for n in (200, 0, 300)]
    bounds = ANY_RATE if name == "filtered" else ()
    policy, settings = Policy(dense(tiny_model)), chosen_by(name, *bounds)
    chosen, counts, *_ = choose_prompts(rows, policy, settings, seed=0)
    assert chosen == rows[1:2]
    assert counts == {"all": 3, "chosen": 1, "too_easy": 0, "too_hard": 0, "too_long": 2, "suspect_gold": 0}
    said = (
        "warning: 2 of 3 prompts do not fit with max_completion_length = 32 in a context of 256 tokens and are dropped"
    )
    assert said in capsys.readouterr().out
    with pytest.raises(ContextExceeded, match="none of 2 prompts fits with max_completion_length = 32 in a context of"):
        choose_prompts(rows[::2], policy, settings, seed=0)


def test_a_policy_without_a_context_takes_any_prompt(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1.models.policy.context_length", lambda config: None)
    rows = [{"prompt": "1" * 1000}]
    stage = SMOKE.zero.model_copy(update={"max_completion_length": 10_000})
    assert within_context(rows, Policy(tiny_model), stage) == rows
    limited = stage.model_copy(update={"max_prompt_length": 100})
    with pytest.raises(ContextExceeded, match="none of 1 prompts fits with max_prompt_length = 100: they have 1"):
        within_context(rows, Policy(tiny_model), limited)


@pytest.mark.parametrize(("most", "kept"), [(None, 2), (10_000, 2), (100, 1)])
def test_a_prompt_has_at_most_max_prompt_length_tokens(
    most: int | None, kept: int, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a prompt that fits in the context, one that also has at most `most` tokens is kept."""
    rows = [{"prompt": "What is 1 + 1?" + " + 1" * n} for n in (0, 80, 300)]
    stage = SMOKE.zero.model_copy(update={"max_prompt_length": most})
    assert within_context(rows, Policy(dense(tiny_model)), stage) == rows[:kept]
    limits = "max_prompt_length = 100" if most == 100 else "max_completion_length = 32 in a context of 256 tokens"
    assert f"{3 - kept} of 3 prompts do not fit with {limits} and are dropped" in capsys.readouterr().out


def test_problems_are_held_back_from_those_that_fit(tiny_model: Path) -> None:
    rows = [{"prompt": f"What is {n} + 1?" + " + 1" * (300 * (n == 0))} for n in range(8)]
    shared = SMOKE.rl.model_copy(update={"validation_steps": 1, "validation_problems": 3})
    choice = choose_prompts(rows, Policy(dense(tiny_model)), RlSettings(SMOKE.zero, shared), seed=0)
    assert sorted([*choice.rows, *choice.held_back], key=rows.index) == rows[1:]
    assert len(choice.held_back) == 3 == choice.counts["held_back"]
    assert (choice.counts["all"], choice.counts["chosen"], choice.counts["too_long"]) == (8, 4, 1)
    with pytest.raises(UserError, match=r"rl\.validation_steps = 1: too few prompts to hold any back"):
        choose_prompts(rows[1:2], Policy(tiny_model), RlSettings(SMOKE.zero, shared), seed=0)


def test_an_engine_may_have_less_room_than_the_policy(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"too long": [], "sometimes solved": ["3", "4", "4", "4"]}
    monkeypatch.setattr("r1.rl.difficulty.open_sampler", sampled(answers))
    rows = [{"prompt": prompt, "task": "math", "answer": "3"} for prompt in answers]
    choice = choose_prompts(rows, Policy(dense(tiny_model)), chosen_by("filtered"), seed=0)
    assert choice.rows == rows[1:] and choice.counts["too_long"] == 1 and choice.counts["all"] == 2


def test_pass_rates_are_measured_on_the_starting_policy(tiny_model: Path) -> None:
    rows = [{"prompt": f"What is {n} + 1?", "task": "chain_sum", "answer": str(n + 1)} for n in range(3)]
    everything = chosen_by("filtered", *ANY_RATE)
    chosen, counts, *_ = choose_prompts(rows, Policy(dense(tiny_model)), everything, seed=0)
    assert counts["chosen"] == 3 and sorted(row["prompt"] for row in chosen) == sorted(row["prompt"] for row in rows)


def test_prompts_whose_samples_agree_on_another_answer_than_gold_are_listed(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = {"wrong gold": ["0.5", "\\frac12", "7", "1/2"], "sometimes solved": ["3", "4", "4", "4"]}
    monkeypatch.setattr("r1.rl.difficulty.open_sampler", sampled(answers))
    rows = [{"prompt": prompt, "task": "math", "answer": "3"} for prompt in answers]
    choice = choose_prompts(rows, Policy(dense(tiny_model)), chosen_by("filtered"), seed=0)
    assert [row["prompt"] for row in choice.rows] == ["sometimes solved"]
    assert choice.counts["suspect_gold"] == 1 and choice.counts["too_hard"] == 1
    assert choice.suspects == [
        {"prompt": "wrong gold", "task": "math", "answer": "3", "voted": "0.5", "agreeing": 3, "samples": 4}
    ]
    said = "1 of 2 prompts may have a wrong gold answer: the samples agree on another, such as '0.5' for '3'"
    assert said in capsys.readouterr().out
