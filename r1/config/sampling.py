"""Engines, rollouts and how completions are drawn."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, Tag, model_validator

from r1.config.base import Section, Share
from r1.config.plugins import ImportPath, is_plugin


class TransformersEngineConfig(Section):
    """transformers' generate in this process."""

    name: Literal["transformers"]
    batch_size: PositiveInt


class VllmEngineConfig(Section):
    """vLLM in this process."""

    name: Literal["vllm"]
    dtype: Literal["float32", "bfloat16", "float16", "auto"]
    enforce_eager: bool
    cpu_kvcache_gib: PositiveInt
    gpu_memory_utilization: Share
    tensor_parallel_size: PositiveInt


class RayEngineConfig(VllmEngineConfig):
    """vLLM replicas as Ray Data actors, on this machine or a cluster; each replica stays on one node.

    Attributes:
        address: of a running cluster, `auto` for the one that this machine belongs to; null starts Ray here for as
            long as the stage runs. The model directory and this project must be reachable on every node.
        replicas: engines that sample side by side, with tensor_parallel_size GPUs each.
        chunk_size: completions that a replica draws, and the journal keeps, at once: many fill an engine, few share
            the work out evenly at the end.
    """

    name: Literal["ray"]  # type: ignore[assignment]
    address: str | None
    replicas: PositiveInt
    chunk_size: PositiveInt


class OpenaiEngineConfig(Section):
    """Any OpenAI-compatible chat-completions endpoint: your own `vllm serve`, or a teacher's API.

    It samples from the model that it serves; the model directory of the stage is not loaded.

    Attributes:
        base_url: up to and with the version, such as http://127.0.0.1:8000/v1; a key has no place in it.
        model: its name there; null takes the only one that the endpoint lists.
        api_key_env: NAME of the environment variable that holds the key, never the key; null for none.
        seeded: sends a seed with each request. Off for an endpoint that cannot: vLLM on CPU fails at one.
        max_concurrency: requests under way at once.
        timeout: seconds that the endpoint may be silent, which without streaming is the time of a completion.
        retries: of a request, after 429, 5xx or a lost connection, with growing pauses.
    """

    name: Literal["openai"]
    base_url: str
    model: str | None
    api_key_env: str | None
    seeded: bool
    max_concurrency: PositiveInt
    timeout: PositiveFloat
    retries: int = Field(ge=0)

    @model_validator(mode="after")
    def _no_secret_is_written(self) -> Self:
        """Check the section, not the field: an error of a field would quote its value, which may be a key."""
        if self.api_key_env is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", self.api_key_env):
            raise ValueError("api_key_env: must be the NAME of an environment variable, such as TEACHER_API_KEY")
        try:
            url = urlsplit(self.base_url)
            sound = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("base_url: must look like http://127.0.0.1:8000/v1")
        if "@" in url.netloc or url.query or url.fragment:
            raise ValueError("base_url: holds a user, a query or a fragment; a key goes by api_key_env")
        return self


class PluginEngineConfig(Section):
    """Your own engine: the import path of a Sampler, constructed from the policy and these options."""

    name: ImportPath
    options: Mapping[str, Any]


def _whose(engine: Any) -> str:
    name = engine.get("name") if isinstance(engine, dict) else getattr(engine, "name", None)
    return "plugin" if isinstance(name, str) and is_plugin(name) else "ours"


_OurEngine = Annotated[
    TransformersEngineConfig | VllmEngineConfig | RayEngineConfig | OpenaiEngineConfig, Field(discriminator="name")
]
EngineConfig = Annotated[
    Annotated[_OurEngine, Tag("ours")] | Annotated[PluginEngineConfig, Tag("plugin")], Discriminator(_whose)
]


class TransformersRolloutConfig(Section):
    """RL rollouts by transformers' generate, in the trainer."""

    name: Literal["transformers"]


class VllmServerRolloutConfig(Section):
    """RL rollouts by a vLLM server on GPUs of its own, to which the trainer sends its weights by NCCL.

    Attributes:
        base_url: of the server, without a path; it serves the policy that the stage starts from.
        group_port: where trainer and server meet for the weights.
        timeout: seconds to wait for a server that still starts.
    """

    name: Literal["vllm_server"]
    base_url: Annotated[str, Field(pattern=r"^https?://[\w.\-\[\]:]+$")]
    group_port: Annotated[int, Field(ge=1, le=65535)]
    timeout: NonNegativeFloat


RolloutConfig = Annotated[
    TransformersRolloutConfig | VllmEngineConfig | VllmServerRolloutConfig, Field(discriminator="name")
]


class SamplingConfig(Section):
    """How completions are drawn."""

    temperature: NonNegativeFloat
    top_p: Share
    max_new_tokens: PositiveInt
    num_samples: PositiveInt
