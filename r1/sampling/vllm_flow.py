"""A vLLM engine that several batches share: requests of the next start while the longest of the last still run.

`LLM.generate` returns once its whole batch is done: with long-tailed lengths the engine spends much of its time on the
few longest completions of a batch.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams, TokensPrompt


@dataclass
class _Batch:
    """Requests that were handed in together, and their outputs by request id as they finish."""

    prompts: "Sequence[TokensPrompt]"
    params: "Sequence[SamplingParams]"
    done: "Future[list[RequestOutput]]" = field(default_factory=Future)
    outputs: "dict[str, RequestOutput | None]" = field(default_factory=dict)
    missing: int = 0


class Flow:
    """Drives an engine from a thread of its own; any number of threads may call `generate` at the same time."""

    def __init__(self, llm: "LLM") -> None:
        self._engine = llm.llm_engine
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._running: dict[str, _Batch] = {}
        self._ids = map(str, count())
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self._thread.start()

    def generate(self, prompts: "Sequence[TokensPrompt]", params: "Sequence[SamplingParams]") -> "list[RequestOutput]":
        """What `LLM.generate` returns, as soon as this batch is done.

        Args:
            prompts: token ids.
            params: one per prompt, with output_kind FINAL_ONLY.

        Raises:
            Exception: the engine's own. Batches that run at that time fail with it.
        """
        batch = _Batch(prompts, params)
        self._batches.put(batch)
        return batch.done.result()

    def close(self) -> None:
        """End the thread; call it when no batch is running."""
        self._batches.put(None)
        self._thread.join()

    def _drive(self) -> None:
        while True:
            try:
                while not self._running or not self._batches.empty():
                    batch = self._batches.get()
                    if batch is None:
                        return
                    self._add(batch)
                for output in self._engine.step():
                    if output.finished:
                        self._take(output)
            except Exception as error:
                self._fail(error)

    def _add(self, batch: _Batch) -> None:
        batch.missing = len(batch.prompts)
        if not batch.prompts:
            batch.done.set_result([])
        for prompt, params in zip(batch.prompts, batch.params, strict=True):
            name = next(self._ids)
            batch.outputs[name] = None
            self._running[name] = batch
            self._engine.add_request(name, prompt, params)

    def _take(self, output: "RequestOutput") -> None:
        batch = self._running.pop(output.request_id)
        batch.outputs[output.request_id] = output
        batch.missing -= 1
        if not batch.missing:
            batch.done.set_result([output for output in batch.outputs.values() if output is not None])

    def _fail(self, error: Exception) -> None:
        for batch in {id(batch): batch for batch in self._running.values()}.values():
            batch.done.set_exception(error)
        self._engine.abort_request(list(self._running))
        self._running.clear()
