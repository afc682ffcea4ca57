"""Completions of every engine are whole turns: with the tag that the prompt opened, up to the stop string."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from r1.config.sampling import EngineConfig, SamplingConfig, TransformersEngineConfig
from r1.finetuning.sft import finetune
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.models.turns import with_stop
from r1.rl.settings import RlSettings
from r1.rl.train import train_rl
from r1.sampling import Completion, Conversation, Sampler, open_sampler
from r1.sampling.framed import Framed
from r1.sampling.interface import Drawn
from tests.conftest import compose, run_alone
from tests.models.chat_forms import FORMS, checkpoint_of
from tests.trainings import SMOKE, context

GREEDY = SamplingConfig(temperature=0.0, top_p=1.0, max_new_tokens=64, num_samples=1)
ASKED = [as_messages(f"What is 1 + {n}?") for n in (1, 2)]


class Saying(Sampler):
    """An engine that says one thing."""

    name, source = "fake", "fake"

    def __init__(self, completion: Completion) -> None:
        self.completion = completion

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        yield {number: [self.completion] for number in range(len(conversations))}


@pytest.mark.parametrize(
    ("opened", "stops", "said", "framed"),
    [
        ("", [], Completion("4", 1, False), Completion("4", 1, False)),
        ("<think>\n", [], Completion("So.</think>4", 4, False), Completion("<think>\nSo.</think>4", 4, False)),
        ("", ["</answer>"], Completion("4</answer>\nUser:", 9, True), Completion("4</answer>", 9, False)),
        ("", ["</answer>"], Completion("<answer>4", 9, True), Completion("<answer>4", 9, True)),
    ],
)
def test_a_completion_is_framed(opened: str, stops: list[str], said: Completion, framed: Completion) -> None:
    policy = cast(Policy, SimpleNamespace(opened=opened, stop_strings=stops))
    assert Framed(Saying(said), policy).sample(ASKED, GREEDY, 0) == [[framed], [framed]]


def test_what_continues_a_begun_answer_opens_nothing() -> None:
    policy = cast(Policy, SimpleNamespace(opened="<think>\n", stop_strings=["</answer>"]))
    begun = as_messages("What is 1 + 1?", "<think>\nIt is 2.</think><answer>")
    sampler = Framed(Saying(Completion("2</answer>\nUser:", 4, True)), policy)
    assert sampler.sample([ASKED[0], begun], GREEDY, 0) == [
        [Completion("<think>\n2</answer>", 4, False)],
        [Completion("2</answer>", 4, False)],
    ]


@pytest.fixture(scope="module")
def rambling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that goes on after its answer, and whose template stops it there."""
    folder = tmp_path_factory.mktemp("rambling")
    policy = Policy(checkpoint_of(FORMS["Llama 3"], folder / "base"))
    said = "<think>It is {m}.</think><answer>{m}</answer> First First First First First First First"
    examples = [{"prompt": f"What is 1 + {n}?", "completion": said.format(m=n + 1)} for n in (1, 2)]
    changes = {"epochs": 80, "batch_size": 2, "micro_batch_size": 2, "learning_rate": 5e-3, "chat_template": "own"}
    tuned = finetune(policy, examples, SMOKE.sft.model_copy(update=changes), context(folder))
    tuned.tokenizer.chat_template = with_stop(str(tuned.tokenizer.chat_template), "</answer>")
    tuned.save(folder / "sft")
    return folder / "sft"


def stops_after_the_answer(model: Path, engine: EngineConfig) -> None:
    sampler = open_sampler(Policy(model), engine)
    drawn = [completions[0] for completions in sampler.sample(ASKED, GREEDY, 0)]
    sampler.close()
    assert [one.text for one in drawn] == [f"<think>It is {m}.</think><answer>{m}</answer>" for m in (2, 3)]
    tokenizer = Policy(model).tokenizer
    lengths = [len(tokenizer(one.text, add_special_tokens=False)["input_ids"]) for one in drawn]
    assert [one.tokens for one in drawn] == lengths
    assert not any(one.truncated for one in drawn)


@pytest.mark.slow
def test_transformers_stops_at_the_stop_string(rambling: Path) -> None:
    stops_after_the_answer(rambling, TransformersEngineConfig(name="transformers", batch_size=4))


@pytest.mark.slow
def test_vllm_stops_at_the_stop_string(rambling: Path) -> None:
    """In a process of its own: vLLM's engines share global state."""
    pytest.importorskip("vllm")
    run_alone(
        "from tests.sampling.test_framed import *\n"
        "engine = compose('profile=smoke', 'engine@evaluate.engine=vllm').evaluate.engine\n"
        f"stops_after_the_answer(Path({str(rambling)!r}), engine)"
    )


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["grpo", "rloo"])
def test_rollouts_stop_at_the_stop_string_and_are_not_truncated(algorithm: str, rambling: Path, tmp_path: Path) -> None:
    learnt: list[list[int]] = []

    def counted(*, completion_ids: list[list[int]], **_: object) -> list[float | None]:
        learnt.extend(completion_ids)
        return [float(len(ids)) for ids in completion_ids]

    stage = SMOKE.zero.model_copy(
        update={"max_steps": 1, "batch_size": 8, "micro_batch_size": 8, "max_completion_length": 48}
        | {"temperature": 0.1, "rewards": {"counted": 1.0}}
    )
    prompts = [{"prompt": asked, "task": "chain_sum", "answer": "2", "kind": ""} for asked in ASKED]
    shared = compose("profile=smoke", f"rl/algorithm={algorithm}").rl
    trained = train_rl(Policy(rambling), prompts, RlSettings(stage, shared), context(tmp_path), counted=counted)
    tokenizer = Policy(rambling).tokenizer
    assert len(learnt) == 8
    assert {str(tokenizer.decode(ids[-1:])) for ids in learnt} == {"</answer>"}
    assert trained.samples is not None and trained.samples["completion"].str.endswith("</answer>").all()
    curve = (tmp_path / "curve.csv").read_text().splitlines()
    values = dict(zip(curve[0].split(","), curve[-1].split(","), strict=True))
    assert float(values["completions/clipped_ratio"]) == 0
