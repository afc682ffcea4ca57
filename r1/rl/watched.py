"""What every RL trainer keeps, as a mixin before TRL's: samples with rewards, KL, behaviour, seconds by phase."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor
from transformers import PreTrainedModel
from trl.models import prepare_deepspeed, prepare_fsdp
from trl.trainer.utils import add_fused_lm_head

from r1.config.rl import AlgorithmConfig
from r1.rewards.common import texts
from r1.rewards.response import count_reflections, is_mixed
from r1.rl.advantages import masked_mean
from r1.rl.rollout_batch import flat_groups, prompt_and_completion
from r1.training.checkpoints import Checkpointed


class Watched(Checkpointed):
    """What every RL trainer keeps: samples with rewards, language mixing and reflection, KL, seconds by phase.

    A mixin before TRL's trainer.

    Attributes:
        rewards: [batch of all processes, rewards], of the last draw, NaN where one does not apply.
        scores: [local batch], weighted sum of the stage's own rewards of the last draw.
    """

    is_deepspeed_enabled: bool
    is_fsdp_enabled: bool
    ref_model: Any
    num_generations: int
    reward_func_names: list[str]
    reward_weights: Tensor
    _metrics: dict[str, dict[str, list[float]]]

    def __init__(self, *args: Any, algorithm: AlgorithmConfig, start: PreTrainedModel | None, **kwargs: Any) -> None:
        """Args: the algorithm; for one without KL, the policy it starts from, to log the KL to it.

        A policy that trains adapters is its own start, without them.
        """
        super().__init__(*args, **kwargs)
        self.algorithm = algorithm
        self.start: Any = None
        if start is not None:
            add_fused_lm_head(start, temperature=self.args.temperature)
            if self.is_deepspeed_enabled:
                self.start = prepare_deepspeed(start, self.accelerator)
            elif self.is_fsdp_enabled:
                self.start = prepare_fsdp(start, self.accelerator)
            else:
                self.start = self.accelerator.prepare_model(start, evaluation_mode=True)
        self.rewards = self.scores = torch.empty(0)
        if self.ref_model is not None:
            self.companions["reference"] = self.ref_model
        self._seconds = dict.fromkeys(("generate", "score"), 0.0)
        self._tokens = dict.fromkeys(("generate", "score", "train"), 0)
        self._logged_at = time.perf_counter()

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._seconds[phase] += time.perf_counter() - started

    def _generate(self, *args: Any) -> Any:
        with self._timed("generate"):
            generated = super()._generate(*args)  # type: ignore[misc]
        prompts, completions = generated[0], generated[1]
        self.record.rollouts += len(completions) * self.accelerator.num_processes
        self._tokens["generate"] += sum(map(len, completions))
        self._tokens["score"] += sum(map(len, prompts)) + sum(map(len, completions))
        return generated

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        """A round's rollouts, where one begins; what it takes beside generating is scoring."""
        started, generated = time.perf_counter(), self._seconds["generate"]
        inputs = super()._prepare_inputs(generation_batch)  # type: ignore[misc]
        self._seconds["score"] += time.perf_counter() - started - (self._seconds["generate"] - generated)
        return inputs

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        # TRL's share is of rewards with the KL in them (RLOO) or of the batch: never 1, whatever the groups are.
        scores = self._scores(ignored=self.algorithm.extra_rewards)
        share = len(flat_groups(scores, self.num_generations)) * self.num_generations / len(scores)
        self._metrics["train"]["frac_reward_zero_std"][-1] = share
        self.scores = self._own(scores)
        return batch

    def _calculate_rewards(
        self, inputs: list[dict[str, Any]], prompts: list[Any], completions: list[Any], completion_ids_list: list[Any]
    ) -> Tensor:
        rewards: Tensor = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)  # type: ignore[misc]
        self.rewards = rewards
        responses = texts(completions)
        self._log_metric("language_mixing", sum(map(is_mixed, responses)) / len(responses))  # type: ignore[attr-defined]
        reflecting = sum(count_reflections(text) > 0 for text in responses)
        self._log_metric("reflection_rate", reflecting / len(responses))  # type: ignore[attr-defined]
        step = self.state.global_step + 1
        if self.record.wants_samples():
            asked = zip(prompts, responses, inputs, strict=True)
            rows = gather_object([(prompt[-1]["content"], text, row["answer"]) for prompt, text, row in asked])
            # The first group and the last: in the final RL the last is a general prompt's.
            group = self.num_generations
            for index in dict.fromkeys([*range(group), *range(len(rows) - group, len(rows))]):
                self.record.samples.append(
                    {
                        "step": step,
                        **dict(zip(("prompt", "completion", "answer"), rows[index], strict=True)),
                        **dict(zip(self.reward_func_names, rewards[index].tolist(), strict=True)),
                    }
                )
        return rewards

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        self._tokens["train"] += int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum())
        loss: Tensor = super()._compute_loss(model, inputs)  # type: ignore[misc]
        if self.start is not None:
            self._log_kl_to_start(self.start, self._log_probabilities, inputs)
        elif self.args.beta == 0:
            with self.accelerator.unwrap_model(self.model).disable_adapter():
                self._log_kl_to_start(model, self._log_probabilities, inputs)
        return loss

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        output = super()._get_per_token_logps_and_entropies(*args, **kwargs)  # type: ignore[misc]
        self._log_probabilities = output[0].detach()
        return output

    @torch.no_grad()
    def _log_kl_to_start(self, start: Any, ours: Tensor, inputs: dict[str, Any]) -> None:
        """The k3 estimate that GRPO's loss would hold (paper equation 2), per token; logged as `kl`."""
        ids, attention = prompt_and_completion(inputs)
        mask = inputs["completion_mask"]
        with self._timed("score"):
            starts = self._get_per_token_logps_and_entropies(start, ids, attention, mask.shape[1])[0]
        kl = torch.expm1(starts - ours) - (starts - ours)
        self._metrics["train"]["kl"].append(masked_mean(*self._everywhere(kl, mask)))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the seconds and tokens of each phase since the last log; training is what the other two leave."""
        if "loss" in logs:
            now = time.perf_counter()
            seconds = {**self._seconds, "train": now - self._logged_at - sum(self._seconds.values())}
            local = torch.tensor(list(self._tokens.values()), device=self.accelerator.device)
            tokens = self.accelerator.reduce(local, reduction="sum").tolist()
            self.record.add_phases(self.state.global_step, seconds, dict(zip(self._tokens, tokens, strict=True)))
            self._logged_at = now
            self._seconds = dict.fromkeys(self._seconds, 0.0)
            self._tokens = dict.fromkeys(self._tokens, 0)
        super().log(logs, start_time)  # type: ignore[misc]

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's, with the clock set."""
        self._logged_at = time.perf_counter()
        return super().train(*args, **kwargs)  # type: ignore[misc]

    def _own(self, gathered: Tensor) -> Tensor:
        """This process' rows of a tensor gathered from all."""
        rows = len(gathered) // self.accelerator.num_processes
        return gathered[self.accelerator.process_index * rows :][:rows]

    def _scores(self, ignored: Collection[str] = ()) -> Tensor:
        """[batch of all processes] weighted sum of the rewards but those ignored, NaN where none applies."""
        kept = [index for index, name in enumerate(self.reward_func_names) if name not in ignored]
        rewards = self.rewards[:, kept]
        scores = (rewards * self.reward_weights.to(rewards.device)[kept]).nansum(dim=1)
        scores[rewards.isnan().all(dim=1)] = torch.nan
        return scores

    def _everywhere(self, *tensors: Tensor) -> list[Tensor]:
        """[batch of all processes, tokens] from each process' [local batch, tokens]; what is padded is 0."""
        return [self.accelerator.gather(self.accelerator.pad_across_processes(one, dim=1)) for one in tensors]
