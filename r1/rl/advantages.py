"""Advantages of single tokens, for the algorithms whose baseline is no group: PPO and REINFORCE++.

Group baselines (GRPO and its kin, RLOO) are TRL's. All tensors here are
[batch, tokens] over completions, right-padded; `mask` is 1 on a completion's tokens.
"""

from collections.abc import Callable

import torch
from torch import Tensor

EPSILON = 1e-8


def masked_mean(values: Tensor, mask: Tensor) -> float:
    """Mean over the completions' tokens; both are [batch, tokens]."""
    return float((values * mask).sum() / mask.sum())


def token_rewards(scores: Tensor, log_ratio: Tensor, mask: Tensor, beta: float) -> Tensor:
    """The completion's reward on its last token, less the KL penalty on each (InstructGPT, arXiv 2203.02155, eq. 2).

    Args:
        scores: [batch], reward of each whole completion.
        log_ratio: [batch, tokens], log-probability under the policy less that under the
            reference: the k1 estimator of the KL.
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

    A completion ends at its last token, cut off by the length limit or not: the
    limit is part of the task. With values 0 and gamma = lam = 1 the advantages
    are the returns, which REINFORCE++ takes.

    Args:
        rewards: [batch, tokens].
        values: [batch, tokens], the critic's before each token was chosen.
        mask: [batch, tokens].
        gamma: discount per token.
        lam: weight of longer returns against the critic's word.

    Returns:
        Advantages and the returns that the critic is to predict, both 0 on padding.
    """
    values = values * mask
    advantages = torch.zeros_like(rewards)
    following_value = following = torch.zeros_like(rewards[:, 0])
    for step in reversed(range(rewards.shape[1])):
        surprise = rewards[:, step] + gamma * following_value - values[:, step]
        following = (surprise + gamma * lam * following) * mask[:, step]
        following_value = values[:, step]
        advantages[:, step] = following
    return advantages, advantages + values


def whiten(advantages: Tensor, mask: Tensor, total: Callable[[Tensor], Tensor] = lambda value: value) -> Tensor:
    """Centre and scale over all tokens of the batch (REINFORCE++, arXiv 2501.03262, section 3.2); 0 where masked.

    Args:
        advantages: [batch, tokens].
        mask: [batch, tokens].
        total: sums a scalar over processes, for a batch spread over several.
    """
    tokens = total(mask.sum())
    centred = (advantages - total((advantages * mask).sum()) / tokens) * mask
    return centred / ((total((centred**2).sum()) / tokens).sqrt() + EPSILON)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, clip: float) -> Tensor:
    """PPO's clipped value loss: half the squared error, the larger of that of the value and of the clipped value.

    The clip keeps a value near what it was at sampling (openai/baselines ppo2).

    Returns:
        Scalar, mean over the completions' tokens.
    """
    clipped = old_values + (values - old_values).clamp(-clip, clip)
    errors = torch.maximum((values - returns) ** 2, (clipped - returns) ** 2)
    return 0.5 * (errors * mask).sum() / mask.sum().clamp(min=1)


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 - Var(returns - values) / Var(returns) over tokens: 1 knows all, 0 nothing more than a constant would."""
    chosen = mask.bool()
    expected = returns[chosen]
    spread = expected.var(correction=0)
    if spread < EPSILON:
        return 0.0
    return float(1 - (expected - values[chosen]).var(correction=0) / spread)
