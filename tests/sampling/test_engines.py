"""Both engines draw from the same distribution."""

import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from r1.config.sampling import SamplingConfig, TransformersEngineConfig, VllmEngineConfig
from r1.models.chat import as_messages
from r1.models.policy import Policy
from r1.sampling import open_sampler
from r1.sampling.fitting import ContextExceeded
from r1.sampling.framed import Framed
from r1.sampling.interface import within_context
from r1.sampling.vllm_engine import VllmSampler
from tests.conftest import compose, run_alone

pytestmark = pytest.mark.slow

QUESTIONS = [as_messages(question) for question in ("What is 3 + 4?", "What is 1 - 9?", "Calculate (3 + 5) - 2.")]
TRANSFORMERS = TransformersEngineConfig(name="transformers", batch_size=8)
VLLM = VllmEngineConfig.model_validate(compose("engine@evaluate.engine=vllm").evaluate.engine.model_dump())
WARM = SamplingConfig(temperature=1.0, top_p=1.0, max_new_tokens=12, num_samples=4)


def agree_on_log_probabilities(tiny_model: Path) -> None:
    """vLLM's log-probability of each token that it samples is the one transformers computes."""
    from vllm import SamplingParams, TokensPrompt

    policy = Policy(tiny_model)
    ours, theirs = open_sampler(policy, TRANSFORMERS), open_sampler(policy, VLLM)
    assert isinstance(ours, Framed) and isinstance(theirs, Framed)
    engine = theirs.sampler
    assert isinstance(engine, VllmSampler)
    worst = 0.0
    for conversation in QUESTIONS:
        prompt = policy.prompt_ids([conversation])[0]
        parameters = SamplingParams(n=4, temperature=1.0, max_tokens=12, seed=0, logprobs=0)
        for output in engine.llm.generate([TokensPrompt(prompt_token_ids=prompt)], parameters, use_tqdm=False)[
            0
        ].outputs:
            ids = list(output.token_ids)
            with torch.inference_mode():
                logits = ours.sampler.model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]  # type: ignore[attr-defined]
            expected = logits.log_softmax(-1)[range(len(ids)), ids]
            drawn = torch.tensor([step[token].logprob for step, token in zip(output.logprobs, ids, strict=True)])
            worst = max(worst, float((expected - drawn).abs().max()))
    assert worst < 1e-3, worst

    greedy = WARM.model_copy(update={"temperature": 0.0, "num_samples": 1})
    assert [c[0].text for c in ours.sample(QUESTIONS, greedy, 0)] == [
        c[0].text for c in theirs.sample(QUESTIONS, greedy, 0)
    ]
    theirs.close()


def forbidden_words_are_not_written(model: Path, engine: TransformersEngineConfig | VllmEngineConfig) -> None:
    """The word that a model writes most outside of tags is forbidden: it comes no more, and the next one still does."""
    sampler = open_sampler(Policy(model), engine)
    many = WARM.model_copy(update={"max_new_tokens": 24, "num_samples": 16})

    def count_words(sampling: SamplingConfig) -> Counter[str]:
        drawn = sampler.sample(QUESTIONS, sampling, 0)
        texts = " ".join(re.sub(r"</?\w+>", " ", one.text) for completions in drawn for one in completions)
        return Counter(re.findall(r"[A-Za-z]{3,}", texts))

    (word, count), (other, _) = count_words(many).most_common(2)
    assert count >= 10
    left = count_words(many.model_copy(update={"bad_words": (word,)}))
    sampler.close()
    assert left[word] <= count // 10, "at most spelled by other tokens"
    assert left[other] > 0


def a_begun_answer_is_continued(model: Path, engine: TransformersEngineConfig | VllmEngineConfig) -> None:
    """Greedily, a completion that is cut goes on as it was."""
    sampler = open_sampler(Policy(model), engine)
    greedy = SamplingConfig(temperature=0.0, top_p=1.0, max_new_tokens=16, num_samples=1)
    whole = [drawn[0].text for drawn in sampler.sample(QUESTIONS, greedy, 0)]
    cut = [Policy(model).first_tokens(text, 5) for text in whole]
    begun = [[*asked, {"role": "assistant", "content": text}] for asked, text in zip(QUESTIONS, cut, strict=True)]
    rest = [drawn[0].text for drawn in sampler.sample(begun, greedy.model_copy(update={"max_new_tokens": 11}), 0)]
    sampler.close()
    assert [one + other for one, other in zip(cut, rest, strict=True)] == whole


def vllm_continues_and_forbids(tiny_model: Path) -> None:
    """The same of vLLM."""
    forbidden_words_are_not_written(tiny_model, VLLM)
    a_begun_answer_is_continued(tiny_model, VLLM)


def test_transformers_forbids_words(tiny_model: Path) -> None:
    forbidden_words_are_not_written(tiny_model, TRANSFORMERS)


def test_transformers_continues_a_begun_answer(tiny_model: Path) -> None:
    a_begun_answer_is_continued(tiny_model, TRANSFORMERS)


def vllm_is_seeded_and_takes_many_prompts(tiny_model: Path) -> None:
    """Regression: seeding each request failed on CPU as soon as a prompt was prefilled in chunks."""
    policy = Policy(tiny_model)
    sampler = open_sampler(policy, VLLM)
    many = [as_messages(f"What is {n} + {m}?") for n in range(40) for m in range(8)]
    first, second, other = (sampler.sample(many, WARM, seed) for seed in (1, 1, 2))
    assert first == second != other
    assert [len(completions) for completions in first] == [4] * len(many)
    sampler.close()
    following = open_sampler(policy, VLLM)
    assert following.sample(many, WARM, 1) == first, "the next engine has the room of a closed one"
    following.close()


def vllm_overlaps_chunks(tiny_model: Path) -> None:
    """As on a GPU: every conversation gets its completions, and a caller that stops early ends the rest."""
    import r1.sampling.vllm_engine as vllm_engine
    from r1.sampling.vllm_flow import Flow

    vllm_engine.CHUNK_SIZE = 8
    many = [as_messages(f"What is {n} + {m}?") for n in range(8) for m in range(8)]
    framed = open_sampler(Policy(tiny_model), VLLM)
    assert isinstance(framed, Framed) and isinstance(framed.sampler, VllmSampler)
    sampler = framed.sampler
    greedy = WARM.model_copy(update={"temperature": 0.0, "num_samples": 1})
    expected = sampler.sample(many, greedy, 1)
    sampler.flow = Flow(sampler.llm)
    assert sampler.sample(many, greedy, 1) == expected
    assert len(next(iter(sampler.draw(many, greedy, 1, done=range(8))))) == 8
    assert sampler.sample(many[:4], greedy, 1) == expected[:4]
    sampler.close()


def a_context_is_not_exceeded(tiny_model: Path, engine: TransformersEngineConfig | VllmEngineConfig) -> None:
    """A prompt that does not fit has no samples; one that just fits is sampled; if none fits, that is an error."""
    policy = Policy(tiny_model)
    sampler = open_sampler(policy, engine)
    long = as_messages("What is 3 + 4?" + " + 1" * 200)
    room = 256 - len(policy.prompt_ids(QUESTIONS[:1])[0])
    drawn = sampler.sample([QUESTIONS[0], long, *QUESTIONS[1:]], WARM, 0)
    assert [len(completions) for completions in drawn] == [4, 0, 4, 4]
    assert list(sampler.draw([QUESTIONS[0], long], WARM, 0, done=[0])) == [{1: []}]
    for max_new_tokens in (room + 1, 1000):
        with pytest.raises(ContextExceeded, match=f"none of 1 prompts fits with max_new_tokens = {max_new_tokens} in"):
            sampler.sample(QUESTIONS[:1], WARM.model_copy(update={"max_new_tokens": max_new_tokens}), 0)
    drawn = sampler.sample(QUESTIONS[:1], WARM.model_copy(update={"max_new_tokens": room}), 0)
    assert all(completion.tokens <= room for completion in drawn[0])
    sampler.close()


def vllm_does_not_exceed_a_context(tiny_model: Path) -> None:
    """The same of vLLM."""
    a_context_is_not_exceeded(tiny_model, VLLM)


def test_transformers_does_not_exceed_a_context(tiny_model: Path) -> None:
    a_context_is_not_exceeded(tiny_model, TRANSFORMERS)


def test_a_model_without_a_context_takes_any_prompt() -> None:
    assert within_context([[0] * 10_000], max_new_tokens=10_000, context=None) == ([0], {})


CHECKS = (
    agree_on_log_probabilities,
    vllm_is_seeded_and_takes_many_prompts,
    vllm_continues_and_forbids,
    vllm_does_not_exceed_a_context,
    vllm_overlaps_chunks,  # changes the module
)


def test_vllm(tiny_model: Path) -> None:
    """In a process of its own: vLLM's engines share global state. One for all checks: importing it takes longest."""
    model = f"Path({str(tiny_model)!r})"
    run_alone(f"from tests.sampling.test_engines import *\nfor check in CHECKS: print(check.__name__); check({model})")


@pytest.mark.parametrize("batch_size", [4, 64])
def test_transformers_is_seeded_and_keeps_the_order(tiny_model: Path, batch_size: int) -> None:
    sampler = open_sampler(Policy(tiny_model), TRANSFORMERS.model_copy(update={"batch_size": batch_size}))
    first, second, other = (sampler.sample(QUESTIONS, WARM, seed) for seed in (1, 1, 2))
    assert first == second != other
    assert [len(completions) for completions in first] == [4, 4, 4]
    assert all(completion.tokens <= 12 for completions in first for completion in completions)
    greedy = WARM.model_copy(update={"temperature": 0.0})
    alone = [sampler.sample([question], greedy, 0)[0][0].text for question in QUESTIONS]
    assert [completions[0].text for completions in sampler.sample(QUESTIONS, greedy, 0)] == alone
