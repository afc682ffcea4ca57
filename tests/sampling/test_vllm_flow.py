"""Batches that share an engine: each gets its own outputs, in order, and none waits for another's longest."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from r1.sampling.vllm_flow import Flow


@dataclass
class FakeEngine:
    """An engine whose prompts are their own lengths: a request finishes after that many steps.

    Attributes:
        may_step: lets a test hold the engine.
        most: the most requests that were ever in flight.
    """

    left: dict[str, int] = field(default_factory=dict)
    length: dict[str, int] = field(default_factory=dict)
    may_step: threading.Event = field(default_factory=threading.Event)
    most: int = 0

    def add_request(self, name: str, prompt: int, params: Any) -> None:
        if prompt < 0:
            raise ValueError(f"no prompt has {prompt} tokens")
        self.left[name] = self.length[name] = prompt

    def step(self) -> list[Any]:
        self.may_step.wait(10)
        self.most = max(self.most, len(self.left))
        self.left = {name: steps - 1 for name, steps in self.left.items()}
        done = [name for name, steps in self.left.items() if steps <= 0]
        for name in done:
            del self.left[name]
        if any(self.length[name] == 13 for name in done):
            raise RuntimeError("out of memory")
        unfinished = [SimpleNamespace(request_id=name, finished=False) for name in self.left]
        finished = [SimpleNamespace(request_id=name, finished=True, length=self.length[name]) for name in done]
        return unfinished + finished[::-1]  # engines return requests in any order

    def abort_request(self, names: list[str]) -> None:
        for name in names:
            self.left.pop(name, None)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def generate(engine: FakeEngine) -> Iterator[Callable[[list[int]], "Future[list[int]]"]]:
    """Hands in a batch of prompts from a thread of its own."""
    flow = Flow(SimpleNamespace(llm_engine=engine))

    def lengths(prompts: list[int]) -> list[int]:
        outputs: list[Any] = flow.generate(prompts, [SimpleNamespace() for _ in prompts])
        return [output.length for output in outputs]

    with ThreadPoolExecutor(8) as pool:
        yield lambda prompts: pool.submit(lengths, prompts)
    flow.close()


def test_batches_get_their_own_outputs_in_order(engine: FakeEngine, generate: Any) -> None:
    batches = [[3, 1, 2], [5], [], [2, 2, 9, 1]]
    engine.may_step.set()
    assert [done.result(10) for done in [generate(batch) for batch in batches]] == batches


def test_a_batch_starts_before_the_longest_of_the_last_is_done(engine: FakeEngine, generate: Any) -> None:
    long = generate([1, 100_000])
    engine.may_step.set()
    assert generate([2, 2]).result(10) == [2, 2]
    assert not long.done()
    assert engine.most >= 2
    engine.left = dict.fromkeys(engine.left, 1)  # the test need not wait for the rest
    assert long.result(10) == [1, 100_000]


@pytest.mark.parametrize(
    ("broken", "error"), [([4, -1], "no prompt has -1"), ([1, 13], "out of memory")], ids=["refused", "engine-fails"]
)
def test_an_error_reaches_its_caller_and_the_engine_goes_on(
    broken: list[int], error: str, engine: FakeEngine, generate: Any
) -> None:
    engine.may_step.set()
    with pytest.raises((ValueError, RuntimeError), match=error):
        generate(broken).result(10)
    assert generate([2, 1]).result(10) == [2, 1]
    assert not engine.left
