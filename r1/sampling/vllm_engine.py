"""Sampling with vLLM in this process, on GPU or on the CPU build."""

import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import torch
from transformers import AutoConfig

from r1.config import Sampling, VllmEngine
from r1.models.loading import load_tokenizer, prompt_ids
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, check_context, pieces
from r1.sampling.versions import check_versions

PIECE = 4096
"""Completions that are drawn, and then kept, together: many times what an engine has in flight, minutes of a GPU."""


def set_environment(engine: VllmEngine) -> None:
    """What vLLM reads when it is imported. In-process it starts in seconds instead of most of a minute on CPU."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(engine.cpu_kvcache_gib))
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")


def _model_type(model: Path) -> str:
    return str(AutoConfig.from_pretrained(model, trust_remote_code=False).model_type)


class VllmSampler(Sampler):
    """One vLLM engine; continuous batching over the conversations of a piece at once."""

    name = "vllm"

    def __init__(self, model: Path, engine: VllmEngine, show_progress: bool = True) -> None:
        """Args: a model directory; how the engine runs; whether it shows a bar for each piece.

        Raises:
            UserError: if the installed versions do not fit together.
        """
        check_versions()
        set_environment(engine)
        from vllm import LLM
        from vllm.model_executor.layers.rotary_embedding.base import RotaryEmbedding
        from vllm.platforms import current_platform

        if current_platform.is_cpu() and _model_type(model) == "deepseek_v3":
            # vLLM 0.31's CPU kernel rotates latent attention's queries wrongly: log-probabilities are off by nats.
            # Its own PyTorch version of the same rotation is right.
            RotaryEmbedding.forward_cpu = RotaryEmbedding.forward_native
        self.source, self.show_progress = f"vllm:{model}", show_progress
        self.tokenizer = load_tokenizer(model)
        self.llm = LLM(
            model=str(model),
            dtype=engine.dtype,
            enforce_eager=engine.enforce_eager,
            gpu_memory_utilization=engine.gpu_memory_utilization,
            tensor_parallel_size=engine.tensor_parallel_size,
            trust_remote_code=False,
            load_format="safetensors",  # vLLM's default would fall back to pickled weights
            generation_config="vllm",  # sampling parameters come from our configuration alone
            seed=0,
        )

    def close(self) -> None:
        """See Sampler; vLLM keeps its share of a GPU until it is told."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        cleanup_dist_env_and_memory()

    def draw(
        self, conversations: Sequence[Conversation], sampling: Sampling, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler."""
        prompts = prompt_ids(self.tokenizer, conversations)
        check_context(conversations, prompts, sampling.max_new_tokens, self.llm.model_config.max_model_len)
        for number, piece in pieces(range(len(prompts)), max(1, PIECE // sampling.num_samples), done):
            drawn = self.draw_piece(number, piece, [prompts[index] for index in piece], sampling, seed)
            yield dict(zip(piece, drawn, strict=True))

    def draw_piece(
        self, number: int, piece: Sequence[int], prompts: list[list[int]], sampling: Sampling, seed: int
    ) -> list[list[Completion]]:
        """Draw one piece, as any replica of this engine would.

        On GPUs every completion has its own seed (vLLM adds a sample's number to its
        request's). On CPU vLLM cannot seed requests (a chunked prefill fails with
        "CPU Generator does not use offset"), but the engine draws from this
        process's generator, which is seeded for each piece instead.

        Args:
            number: of the piece.
            piece: numbers of its conversations.
            prompts: of each of them, as token ids.
            sampling: how.
            seed: of the whole.

        Returns:
            [conversation of the piece][sample].
        """
        from vllm import SamplingParams, TokensPrompt
        from vllm.platforms import current_platform

        torch.manual_seed(seed + number)
        outputs = self.llm.generate(
            [TokensPrompt(prompt_token_ids=prompt) for prompt in prompts],
            [
                SamplingParams(
                    n=sampling.num_samples,
                    temperature=sampling.temperature,
                    top_p=sampling.top_p,
                    max_tokens=sampling.max_new_tokens,
                    seed=None if current_platform.is_cpu() else seed + index * sampling.num_samples,
                )
                for index in piece
            ],
            use_tqdm=self.show_progress,
        )
        return [
            [Completion(out.text, len(out.token_ids), out.finish_reason == "length") for out in request.outputs]
            for request in outputs
        ]
