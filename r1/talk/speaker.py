"""One model that answers conversations, token by token."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from r1.finished import Finished
from r1.models.loading import sampling_dtype
from r1.models.policy import Policy
from r1.support.errors import UserError

Conversation = Sequence[dict[str, str]]
LONGEST = 32_768
"""Most tokens of an answer where neither the context nor the user says less: the paper's limit (section 3)."""


class DoesNotFit(UserError):
    """A conversation leaves no room for an answer in the model's context."""


@dataclass(frozen=True)
class Drawing:
    """How answers are drawn; temperature 0 is greedy."""

    temperature: float
    top_p: float
    max_new_tokens: int | None


class _Stopped(StoppingCriteria):
    """Ends the generation that nobody reads any more."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.BoolTensor:
        return torch.full((len(input_ids),), self.event.is_set(), device=input_ids.device)  # type: ignore[return-value]


class Speaker:
    """A model in this process, on the GPU if there is one.

    Attributes:
        opened: what the generation prompt says on the model's behalf: `<think>` with its white space, or nothing.
        hidden: the stop tokens' text, which stays in an answer if they are not marked as special.
    """

    def __init__(self, model: Finished) -> None:
        self.name, self.policy = model.name, Policy(model.directory)
        self.model = self.policy.load(sampling_dtype()).eval()
        self.model.generation_config = GenerationConfig()  # how answers are drawn is for the user to say
        if torch.cuda.is_available():
            self.model.to("cuda")
        self.opened = self.policy.opened
        self.hidden = [str(self.policy.tokenizer.decode([token])) for token in self.policy.stop_ids]

    def room(self, conversation: Conversation) -> int:
        """Tokens that the context leaves for an answer, at most LONGEST."""
        context = self.policy.context_length
        return LONGEST if context is None else min(LONGEST, context - len(self._prompt(conversation)))

    def answer(self, conversation: Conversation, drawing: Drawing, seed: int) -> Iterator[str]:
        """Yield the answer as it is generated; the same seed gives the same answer. Closing it ends the generation.

        Raises:
            DoesNotFit: if the context has no room for one.
        """
        room = self.room(conversation)
        if room < 1:
            raise DoesNotFit(f"{self.name}: this leaves no room in its context of {self.policy.context_length} tokens")
        stopped = _Stopped()
        # The tokenizer of a slow machine may take longer than any timeout, so none is set: `finally` ends the stream.
        streamer = TextIteratorStreamer(self.policy.tokenizer, skip_prompt=True, skip_special_tokens=True)
        failures: list[BaseException] = []

        def generate() -> None:
            try:
                torch.manual_seed(seed)
                self._generate(conversation, drawing, room, streamer, stopped)
            except BaseException as error:
                failures.append(error)
            finally:
                streamer.end()

        thread = threading.Thread(target=generate, daemon=True)
        thread.start()
        try:
            yield from filter(None, streamer)
        finally:
            stopped.event.set()
            thread.join()
        if failures:
            raise failures[0]

    def _prompt(self, conversation: Conversation) -> list[int]:
        return self.policy.prompt_ids([list(conversation)])[0]

    def _generate(
        self, conversation: Conversation, drawing: Drawing, room: int, streamer: TextIteratorStreamer, stopped: _Stopped
    ) -> None:
        ids = torch.tensor([self._prompt(conversation)], device=self.model.device)
        decoding: dict[str, Any] = (
            {"do_sample": True, "temperature": drawing.temperature, "top_p": drawing.top_p, "top_k": 0}
            if drawing.temperature > 0
            else {"do_sample": False}
        )
        tokenizer, stops = self.policy.tokenizer, self.policy.stop_strings
        self.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=min(room, drawing.max_new_tokens or room),
            eos_token_id=self.policy.stop_ids,
            pad_token_id=tokenizer.pad_token_id,
            streamer=streamer,
            stopping_criteria=StoppingCriteriaList([stopped]),
            **decoding,
            **({"stop_strings": stops, "tokenizer": tokenizer} if stops else {}),
        )
