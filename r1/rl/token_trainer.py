"""REINFORCE++ and PPO: our per-token advantages in GRPOTrainer's clipped loss; PPO adds a critic."""

from typing import Any

import torch
from torch import Tensor, nn
from trl import GRPOTrainer

from r1.config.rl import PpoConfig, ReinforcePlusPlusConfig
from r1.rl.advantages import (
    explained_variance,
    generalized_advantages,
    masked_mean,
    mean_by_row,
    token_rewards,
    value_loss,
    whiten,
)
from r1.rl.rollout_batch import prompt_and_completion
from r1.rl.watched import Watched


class TokenTrainer(Watched, GRPOTrainer):  # type: ignore[misc]
    """REINFORCE++: per-token advantages in GRPOTrainer's clipped loss; the KL is in the reward, not in the loss."""

    algorithm: ReinforcePlusPlusConfig | PpoConfig
    beta: float

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        mask, scores = batch["completion_mask"], self._local(self._scores())
        if "old_per_token_logps" not in batch:
            batch["old_per_token_logps"] = self._policy_log_probabilities(batch)
            self._note("trainer_logprob", mean_by_row(batch["old_per_token_logps"], mask))
        log_ratio = batch["old_per_token_logps"] - batch.get("ref_per_token_logps", batch["old_per_token_logps"])
        if self.beta:
            kl = torch.expm1(-log_ratio) + log_ratio  # k3, to be comparable across algorithms; the reward uses k1
            self._metrics["train"]["kl"].append(masked_mean(*self._gathered(kl, mask)))
        rewards = token_rewards(scores.nan_to_num(nan=0.0), log_ratio, mask, self.beta)
        values = self._values_at_sampling(batch)
        lam = self.algorithm.lam if isinstance(self.algorithm, PpoConfig) else 1.0
        advantages, returns = generalized_advantages(rewards, values, mask, self.algorithm.gamma, lam)
        scored = mask * ~scores.isnan().unsqueeze(1)  # completions without a reward give no gradient
        advantages = whiten(advantages, scored, lambda total: self.accelerator.reduce(total, reduction="sum"))
        self._note("advantage", mean_by_row(advantages, mask))
        return {**batch, "advantages": advantages, "old_values": values, "returns": returns, "scored_mask": scored}

    def _values_at_sampling(self, batch: dict[str, Any]) -> Tensor:
        return torch.zeros_like(batch["old_per_token_logps"])

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        beta, self.beta = self.beta, 0.0
        try:
            return super()._compute_loss(model, inputs)
        finally:
            self.beta = beta


class PpoTrainer(TokenTrainer):
    """PPO: REINFORCE++ with advantages relative to a critic, which is trained along with the policy."""

    algorithm: PpoConfig

    def __init__(self, *args: Any, critic: nn.Module, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.critic: nn.Module = self.accelerator.prepare_model(critic)
        self.companions["critic"] = critic

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch = super()._generate_and_score_completions(inputs)
        values, returns, mask = self._gathered(batch["old_values"], batch["returns"], batch["scored_mask"])
        self._metrics["train"]["critic/explained_variance"].append(explained_variance(values, returns, mask))
        self._metrics["train"]["critic/value"].append(masked_mean(values, mask))
        return {**batch, "num_scored_in_batch": mask.sum()}

    def _values(self, batch: dict[str, Any]) -> Tensor:
        """[batch, tokens], the critic's value of the state before each token."""
        ids, attention = prompt_and_completion(batch)
        values: Tensor = self.critic(input_ids=ids, attention_mask=attention).logits[..., 0]
        return values[:, -batch["completion_ids"].shape[1] - 1 : -1]

    @torch.no_grad()
    def _values_at_sampling(self, batch: dict[str, Any]) -> Tensor:
        keys = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")
        return self._by_micro_batches({key: batch[key] for key in keys}, self._values)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Tensor:
        loss = super()._compute_loss(model, inputs)
        mask, clip = inputs["scored_mask"], self.algorithm.value_clip
        # As TRL's policy loss: a sum over tokens, divided by those of an optimizer step in one process.
        steps = self.args.steps_per_generation / self.current_gradient_accumulation_steps
        tokens = inputs["num_scored_in_batch"].clamp(min=1) / steps / self.accelerator.num_processes
        error = value_loss(self._values(inputs), inputs["old_values"], inputs["returns"], mask, clip)
        error = error * mask.sum() / tokens
        self._metrics["train"]["critic/loss"].append(float(self.accelerator.gather(error.detach()).mean()))
        if self.state.global_step < self.algorithm.critic_warmup_steps:
            loss = 0.0 * loss
        total: Tensor = loss + error
        return total

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """TRL's optimizer, with the critic as a parameter group with its own learning rate."""
        fresh = self.optimizer is None
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        if fresh:
            optimizer.add_param_group(
                {
                    "params": list(self.critic.parameters()),
                    "lr": self.algorithm.critic_learning_rate,
                    "weight_decay": 0.0,
                }
            )
            # Trainer zeroes the gradients of its own model only.
            optimizer.register_step_post_hook(lambda *_: self.critic.zero_grad())
        return optimizer

    def _clip_grad_norm(self, model: Any) -> Any:
        """Clip policy and critic separately: a large error of one must not shrink the other's update."""
        self.accelerator.clip_grad_norm_(self.critic.parameters(), self.args.max_grad_norm)
        return super()._clip_grad_norm(model)
