"""Per-token advantages for the algorithms without a group baseline: PPO and REINFORCE++.

TRL computes the group baselines (GRPO and its variants, RLOO). All tensors here are
[batch, tokens] over completions, right-padded; `mask` is 1 on a completion's tokens.
"""

from collections.abc import Callable

import torch
from torch import Tensor

EPSILON = 1e-8


def masked_mean(values: Tensor, mask: Tensor) -> float:
    """Mean over the completions' tokens, NaN if there are none; both tensors are [batch, tokens]."""
    return float((values * mask).sum() / mask.sum())


def mean_by_row(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over each completion's tokens, [batch]; 0 where there are none. Both tensors are [batch, tokens]."""
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


def token_rewards(scores: Tensor, log_ratio: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The completion's reward on its last token, minus the KL penalty on each (InstructGPT, arXiv 2203.02155, eq. 2).

    Args:
        scores: [batch], reward of each completion.
        log_ratio: [batch, tokens], log-probability under the policy minus that under the
            reference policy: the k1 estimator of the KL.
        mask: [batch, tokens].
        beta: weight of the penalty.

    Returns:
        [batch, tokens], 0 on padding.
    """
    rewards = -beta * log_ratio * mask
    last = mask.sum(dim=1).long() - 1
    rewards[torch.arange(len(scores), device=scores.device), last] += scores
    return rewards


def generalized_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimation (arXiv 1506.02438, equation 16).

    A completion ends at its last token, truncated or not: the length limit is part of
    the task. With values 0 and gamma = lam = 1 the advantages are the returns, as
    REINFORCE++ uses them.

    Args:
        rewards: [batch, tokens].
        values: [batch, tokens], the critic's value of the state before each token.
        mask: [batch, tokens].
        gamma: discount factor per token.
        lam: 0 bootstraps from the critic at the next token, 1 takes full returns.

    Returns:
        Advantages, and the returns that are the critic's targets; both 0 on padding.
    """
    values = values * mask
    advantages = torch.zeros_like(rewards)
    next_value = next_advantage = torch.zeros_like(rewards[:, 0])
    for step in reversed(range(rewards.shape[1])):
        td_error = rewards[:, step] + gamma * next_value - values[:, step]
        next_advantage = (td_error + gamma * lam * next_advantage) * mask[:, step]
        next_value = values[:, step]
        advantages[:, step] = next_advantage
    return advantages, advantages + values


def whiten(advantages: Tensor, mask: Tensor, total: Callable[[Tensor], Tensor] = lambda value: value) -> Tensor:
    """Normalize over all tokens of the batch (REINFORCE++, arXiv 2501.03262, section 3.2); 0 where masked.

    If no completion has a reward, all are masked, and there is no update.

    Args:
        advantages: [batch, tokens].
        mask: [batch, tokens].
        total: sums a scalar over all processes that share the batch.
    """
    tokens = total(mask.sum()).clamp(min=1)
    centred = (advantages - total((advantages * mask).sum()) / tokens) * mask
    return centred / ((total((centred**2).sum()) / tokens).sqrt() + EPSILON)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, clip: float) -> Tensor:
    """PPO's clipped value loss: half the squared error, the larger one of the value and the clipped value.

    The clip keeps a value close to the one at sampling (openai/baselines ppo2).

    Returns:
        Scalar, mean over the completions' tokens.
    """
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * (errors * mask).sum() / mask.sum().clamp(min=1)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 - Var(returns - values) / Var(returns) over tokens: 1 is perfect, 0 no better than a constant, or no tokens."""
    chosen = mask.bool()
    if not chosen.any():
        return 0.0
    expected = returns[chosen]
    spread = expected.var(correction=0)
    if spread < EPSILON:
        return 0.0
    return float(1 - (expected - values[chosen]).var(correction=0) / spread)
