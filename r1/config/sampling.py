"""Engines, rollouts and sampling parameters."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, NonNegativeFloat, PositiveFloat, PositiveInt, Tag, model_validator

from r1.config.base import Section, Share
from r1.config.plugins import ImportPath, is_plugin

BadWords = tuple[Annotated[str, Field(pattern=r"^\S(.*\S)?$")], ...]
"""Words or phrases without white space at their ends."""


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
    """Replicas of the vLLM engine as Ray Data actors, on this machine or a cluster; each replica runs on one node.

    Attributes:
        address: address of a running cluster, or `auto` for the one this machine belongs to; null starts Ray here for
            the duration of the stage. Every node must be able to read the model directory and this project.
        replicas: engines that sample in parallel, with tensor_parallel_size GPUs each.
        chunk_size: completions that a replica draws and the journal saves at a time: large chunks keep an engine busy,
            small ones balance the load at the end.
    """

    name: Literal["ray"]  # type: ignore[assignment]
    address: str | None
    replicas: PositiveInt
    chunk_size: PositiveInt


class OpenaiEngineConfig(Section):
    """Any endpoint with OpenAI's chat completions API: your own `vllm serve`, or a teacher's API.

    It samples from the model it serves; the stage's model directory is not loaded.

    Attributes:
        base_url: URL up to and including the version, such as http://127.0.0.1:8000/v1; must not contain a key.
        model: model name at the endpoint; null takes the only one that the endpoint lists.
        api_key_env: NAME of the environment variable that holds the key, never the key; null for no key.
        seeded: sends a seed with each request. Turn it off for an endpoint without support: vLLM on CPU fails on one.
        max_concurrency: concurrent requests.
        timeout: seconds without a response before a request fails; without streaming, the time of a full completion.
        retries: retries of a request after 429, 5xx or a lost connection, with increasing delays.
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
        """Check the section, not a field: a field's error would quote its value, which may be a key."""
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
    """A plug-in engine: the import path of a Sampler, constructed with the policy and these options."""

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
    """RL rollouts by transformers' generate in the trainer."""

    name: Literal["transformers"]


class ColocatedRolloutConfig(VllmEngineConfig):
    """RL rollouts by vLLM in the trainer's processes, on its GPUs.

    Attributes:
        sleep: give vLLM's weights and KV cache back while the trainer computes; waking takes the policy's weights anew.
            Only on GPUs.
    """

    sleep: bool


class VllmServerRolloutConfig(Section):
    """RL rollouts by a vLLM server on its own GPUs; the trainer sends it the weights over NCCL.

    Attributes:
        base_url: URL of the server, without a path; it serves any model of the teacher's architecture.
        group_port: port at which trainer and server form the group for weight transfer.
        timeout: seconds to wait for a server that is still starting.
        students: engine of the students' RL, in the trainer: their architecture is not the teacher's.
    """

    name: Literal["vllm_server"]
    base_url: Annotated[str, Field(pattern=r"^https?://[\w.\-\[\]:]+$")]
    group_port: Annotated[int, Field(ge=1, le=65535)]
    timeout: NonNegativeFloat
    students: ColocatedRolloutConfig


RolloutConfig = Annotated[
    TransformersRolloutConfig | ColocatedRolloutConfig | VllmServerRolloutConfig, Field(discriminator="name")
]


class SamplingConfig(Section):
    """Sampling parameters.

    Attributes:
        bad_words: words that the model cannot write, in this spelling, at the beginning of a text, after a space or
            after a line break. Endpoints do not take them.
    """

    temperature: NonNegativeFloat
    top_p: Share
    max_new_tokens: PositiveInt
    num_samples: PositiveInt
    bad_words: BadWords = ()
