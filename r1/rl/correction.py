"""The mismatch between the engine that samples rollouts and the trainer: importance weights and statistics.

vLLM and the trainer compute the same policy with other kernels and other rounding, so rollouts are slightly
off-policy. Per token, the log-ratio is the trainer's log-probability minus the sampler's. All tensors here are
[batch, tokens] over completions, right-padded; `mask` is 1 on a completion's tokens.
"""

import torch
from torch import Tensor

from r1.config.correction import CorrectionConfig, OffCorrectionConfig

LARGEST = 20.0
"""Log-ratios beyond +-20 count as +-20, so that their exponential stays finite."""


def log_ratios(trainer: Tensor, sampler: Tensor, mask: Tensor) -> Tensor:
    """Log-ratio per token; 0 on padding and where the sampler gave no log-probability (NaN).

    Args:
        trainer, sampler: log-probabilities of the completions' tokens, nats.
        mask: of the completions.
    """
    difference = torch.where(mask.bool(), trainer - sampler, 0.0)
    return difference.nan_to_num(nan=0.0).clamp(-LARGEST, LARGEST)


def sequence_log_ratios(log_ratio: Tensor) -> Tensor:
    """Log-ratio of whole completions, [batch]: the sum over tokens."""
    return log_ratio.sum(dim=1).clamp(-LARGEST, LARGEST)


def above_cap(log_ratio: Tensor, correction: CorrectionConfig) -> Tensor:
    """True for tokens that the correction truncates or masks, [batch, tokens]; with `off`, for none.

    Args:
        log_ratio: from `log_ratios`.
        correction: level and cap.
    """
    if isinstance(correction, OffCorrectionConfig):
        return torch.zeros_like(log_ratio, dtype=torch.bool)
    return _ratios(log_ratio, correction.per_sequence) > correction.cap


def weights(log_ratio: Tensor, correction: CorrectionConfig) -> Tensor:
    """Weights of the tokens' gradients, [batch, tokens], between 0 and the cap; with `off` 1.

    Token level is truncated importance sampling (Yao et al. 2025); at sequence level every token of a completion
    has the completion's weight.

    Args:
        log_ratio: from `log_ratios`.
        correction: level, mode and cap.
    """
    if isinstance(correction, OffCorrectionConfig):
        return torch.ones_like(log_ratio)
    ratio, capped = _ratios(log_ratio, correction.per_sequence), above_cap(log_ratio, correction)
    return ratio.masked_fill(capped, 0.0 if correction.masks else correction.cap)


def statistics(log_ratio: Tensor, mask: Tensor, correction: CorrectionConfig) -> dict[str, float]:
    """Statistics of a batch of rollouts for the learning curve, before any truncation but for the last two.

    Args:
        log_ratio: from `log_ratios`.
        mask: of the completions, at least one token in all.
        correction: decides the last two.

    Returns:
        `kl`: k3 estimate of KL(sampler || trainer), nats per token, which is never negative.
        `ratio_mean`, `ratio_p01`, `ratio_p99`: of the tokens' ratios; expected mean 1.
        `sequence_ratio_mean`, `sequence_ratio_p01`, `sequence_ratio_p99`: of the completions' ratios.
        `capped_share`: share of tokens whose ratio, or whose completion's, is above the cap: truncated or masked.
        `weight_mean`: mean weight of a token; what is missing to 1 is gradient that the correction takes away.
    """
    chosen = mask.bool()
    tokens, sequences = log_ratio[chosen], sequence_log_ratios(log_ratio)[chosen.any(dim=1)]
    capped, weight = above_cap(log_ratio, correction)[chosen], weights(log_ratio, correction)[chosen]
    return {
        "kl": float((tokens.expm1() - tokens).mean()),
        **_spread("ratio", tokens.exp()),
        **_spread("sequence_ratio", sequences.exp()),
        "capped_share": float(capped.float().mean()),
        "weight_mean": float(weight.mean()),
    }


def _ratios(log_ratio: Tensor, per_sequence: bool) -> Tensor:
    if per_sequence:
        return sequence_log_ratios(log_ratio).exp().unsqueeze(1).expand_as(log_ratio)
    return log_ratio.exp()


def _spread(name: str, values: Tensor) -> dict[str, float]:
    ordered = values.sort().values  # torch.quantile refuses more than 16 million values
    low, high = (ordered[round(share * (len(ordered) - 1))] for share in (0.01, 0.99))
    return {f"{name}_mean": float(values.mean()), f"{name}_p01": float(low), f"{name}_p99": float(high)}
