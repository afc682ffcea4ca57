"""Sampling with transformers' generate."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import torch
from transformers import GenerationConfig

from r1.config.sampling import SamplingConfig, TransformersEngineConfig
from r1.models.generation import generate_shrinking
from r1.models.loading import sampling_dtype
from r1.models.policy import Policy
from r1.models.turns import cut_tokens
from r1.sampling.interface import Completion, Conversation, Drawn, Sampler, chunks, within_context
from r1.support.progress import track


class TransformersSampler(Sampler):
    """A model in this process; samples conversations in batches of similar length."""

    name = "transformers"

    def __init__(self, policy: Policy, engine: TransformersEngineConfig) -> None:
        self.source = f"transformers:{policy.directory}"
        self.policy, self.tokenizer = policy, policy.tokenizer
        self.model = policy.load(sampling_dtype()).eval()
        self.model.generation_config = GenerationConfig()  # sampling parameters come from our configuration only
        if torch.cuda.is_available():
            self.model.to("cuda")
        self.batch_size = engine.batch_size

    def draw(
        self, conversations: Sequence[Conversation], sampling: SamplingConfig, seed: int, done: Collection[int] = ()
    ) -> Iterator[Drawn]:
        """See Sampler; a chunk is a batch."""
        prompts = self.policy.prompt_ids(conversations)
        fits, too_long = within_context(prompts, sampling.max_new_tokens, self.policy.context_length)
        if too_long:
            yield too_long
        # Longest first: little padding, and running out of memory shows at once.
        order = sorted(fits, key=lambda i: -len(prompts[i]))
        batches = chunks(order, max(1, self.batch_size // sampling.num_samples), done)
        for number, batch in track(batches, "sampling", "batch"):
            torch.manual_seed(seed + number)
            yield dict(zip(batch, self._generate([prompts[i] for i in batch], sampling), strict=True))

    @torch.inference_mode()
    def _generate(self, prompts: list[list[int]], sampling: SamplingConfig) -> list[list[Completion]]:
        padded = self.tokenizer.pad({"input_ids": prompts}, return_tensors="pt").to(self.model.device)
        decoding: dict[str, Any] = (
            {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
            if sampling.temperature > 0
            else {"do_sample": False}
        )
        config = GenerationConfig(
            **decoding,
            max_new_tokens=sampling.max_new_tokens,
            eos_token_id=self.policy.stop_ids,
            pad_token_id=self.tokenizer.pad_token_id,
            bad_words_ids=self.policy.spellings(sampling.bad_words) if sampling.bad_words else None,
        )
        copies = sampling.num_samples if sampling.temperature > 0 else 1
        ids, mask = (padded[key].repeat_interleave(copies, dim=0) for key in ("input_ids", "attention_mask"))
        asked: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "generation_config": config}
        if stops := self.policy.stop_strings:
            output = self.model.generate(**asked, stop_strings=stops, tokenizer=self.tokenizer)
        else:
            output = generate_shrinking(self.model.generate, **asked)
        output = output[:, ids.shape[1] :]
        drawn = [self._read(row) for row in output.tolist()]
        if sampling.temperature == 0:  # greedy: every sample is the same
            return [[completion] * sampling.num_samples for completion in drawn]
        n = sampling.num_samples
        return [drawn[start : start + n] for start in range(0, len(drawn), n)]

    def _read(self, row: list[int]) -> Completion:
        end = next((index for index, token in enumerate(row) if token in self.policy.stop_ids), None)
        kept = cut_tokens(self.tokenizer, row if end is None else row[: end + 1], self.policy.stop_strings)
        # A stop token that is not marked as special would stay in the text.
        said = kept[:-1] if kept[-1] in self.policy.stop_ids else kept
        text = str(self.tokenizer.decode(said, skip_special_tokens=True))
        return Completion(text, len(kept), truncated=end is None)
