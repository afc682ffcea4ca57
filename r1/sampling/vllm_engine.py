"""Sampling with vLLM in this process, on a GPU or with the CPU build."""

import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import torch

from r1.config.sampling import SamplingConfig, VllmEngineConfig
from r1.models.patches import rotate_natively_on_cpu
from r1.models.policy import Policy
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, chunks, within_context
from r1.sampling.versions import check_versions
from r1.sampling.vllm_flow import Flow
from r1.support.progress import bar

CHUNK_SIZE = 4096
"""Completions per chunk: many times what an engine has in flight, a few minutes on a GPU."""
OVERLAPPING = 2
"""Chunks in flight on a GPU, so that the next one fills the engine while the longest completions of the last end."""


def set_environment(engine: VllmEngineConfig) -> None:
    """Set what vLLM reads on import. On CPU, in-process it starts in seconds, otherwise in most of a minute."""
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(engine.cpu_kvcache_gib))
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")


def _attention(policy: Policy, engine: VllmEngineConfig) -> dict[str, str]:
    """The attention kernel where vLLM 0.31 picks one that fails: latent attention on a CPU with AMX has no float32."""
    from vllm.platforms import current_platform

    latent = policy.model_type == "deepseek_v3" and engine.dtype == "float32"
    return {"attention_backend": "CPU_MLA"} if latent and current_platform.is_cpu() else {}


class VllmSampler(Sampler):
    """One vLLM engine, with continuous batching.

    Attributes:
        flow: lets chunks overlap, or None: on CPU completions depend on the process's random generator, which is seeded
            per chunk, so chunks are drawn one after the other.
    """

    name = "vllm"

    def __init__(self, policy: Policy, engine: VllmEngineConfig, show_progress: bool = True) -> None:
        """Args: the policy to sample; engine configuration; whether to show a progress bar per chunk.

        Raises:
            VersionMismatch: if the installed packages are incompatible.
        """
        check_versions()
        set_environment(engine)
        from vllm import LLM
        from vllm.platforms import current_platform

        rotate_natively_on_cpu(policy.model_type)
        self.source, self.show_progress = f"vllm:{policy.directory}", show_progress
        self.policy = policy
        self.llm = LLM(
            model=str(policy.directory),
            dtype=engine.dtype,
            enforce_eager=engine.enforce_eager,
            gpu_memory_utilization=engine.gpu_memory_utilization,
            tensor_parallel_size=engine.tensor_parallel_size,
            trust_remote_code=False,
            load_format="safetensors",  # vLLM's default would fall back to pickled weights
            generation_config="vllm",  # sampling parameters come from our configuration only
            seed=0,
            **_attention(policy, engine),
        )
        self.flow = None if current_platform.is_cpu() else Flow(self.llm)

    def close(self) -> None:
        """See Sampler; vLLM keeps its GPU memory until it is shut down."""
        from vllm.distributed import cleanup_dist_env_and_memory

        if self.flow is not None:
            self.flow.close()
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        cleanup_dist_env_and_memory()

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler."""
        prompts = self.policy.prompt_ids(conversations)
        fits, too_long = within_context(prompts, sampling.max_new_tokens, self.llm.model_config.max_model_len)
        if too_long:
            yield too_long
        cut = [
            (number, chunk, [prompts[index] for index in chunk])
            for number, chunk in chunks(fits, max(1, CHUNK_SIZE // sampling.num_samples), done)
        ]
        if self.flow is None:
            for number, chunk, asked in cut:
                yield dict(zip(chunk, self.draw_chunk(number, chunk, asked, sampling, seed), strict=True))
        else:
            yield from self._draw_overlapping(cut, sampling, seed)

    def _draw_overlapping(
        self, cut: list[tuple[int, Sequence[int], list[list[int]]]], sampling: SamplingConfig, seed: int
    ) -> Iterator[Drawn]:
        with ThreadPoolExecutor(OVERLAPPING) as pool:
            asked = {pool.submit(self.draw_chunk, *piece, sampling, seed): piece[1] for piece in cut}
            try:
                for drawn in bar(as_completed(asked), total=len(asked), desc="sampling", unit="chunk"):
                    yield dict(zip(asked[drawn], drawn.result(), strict=True))
            finally:
                pool.shutdown(cancel_futures=True)

    def draw_chunk(
        self, number: int, chunk: Sequence[int], prompts: list[list[int]], sampling: SamplingConfig, seed: int
    ) -> list[list[Completion]]:
        """Draw one chunk; every replica of this engine draws the same.

        On GPUs every completion has its own seed (vLLM adds a sample's index to the
        request's seed). On CPU vLLM cannot seed requests (a chunked prefill fails with
        "CPU Generator does not use offset"), but the engine draws from this
        process's generator, which is seeded per chunk instead.

        Args:
            number: index of the chunk.
            chunk: indices of its conversations.
            prompts: their token ids.
            sampling: temperature, top_p and the like.
            seed: for all conversations together.

        Returns:
            [conversation of the chunk][sample].
        """
        from vllm import SamplingParams, TokensPrompt
        from vllm.platforms import current_platform
        from vllm.sampling_params import RequestOutputKind

        # Not vLLM's `bad_words`: of a word after a space it forbids only spellings of as many tokens as without.
        forbidden = self.policy.spellings(sampling.bad_words) if sampling.bad_words else None
        asked = [TokensPrompt(prompt_token_ids=prompt) for prompt in prompts]
        params = [
            SamplingParams(
                n=sampling.num_samples,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                stop=self.policy.stop_strings,
                stop_token_ids=self.policy.stop_ids,
                include_stop_str_in_output=bool(self.policy.stop_strings),
                _bad_words_token_ids=forbidden,
                seed=None if current_platform.is_cpu() else seed + index * sampling.num_samples,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            for index in chunk
        ]
        if self.flow is not None:
            outputs = self.flow.generate(asked, params)
        else:
            torch.manual_seed(seed + number)
            outputs = self.llm.generate(asked, params, use_tqdm=bar if self.show_progress else False)
        return [
            [Completion(out.text, len(out.token_ids), out.finish_reason == "length") for out in request.outputs]
            for request in outputs
        ]
