"""FLOPs per token, and seconds to decode a batch of responses."""

import math
from dataclasses import dataclass

from r1.planning.hardware import MBU, MFU, PER_NODE, Device
from r1.planning.shapes import Shape

_SEGMENTS = 64
"""Number of equal intervals in which decoding time is summed."""


def flops(parameters: float, forward: float, trained: float, per_trained: int = 6) -> float:
    """2 per parameter and token forward, 6 forward and backward (arXiv 2001.08361), as training metrics count them."""
    return parameters * (2 * forward + per_trained * trained)


def compute_seconds(operations: float, device: Device, devices: int) -> float:
    """Seconds of training or scoring, which are compute-bound."""
    return operations / (device.flops * MFU * devices)


def gather_seconds(
    parameters: float, micro_batches: float, number: int, scorings: float, device: Device, devices: int
) -> float:
    """Communication time of ZeRO-3 and FSDP2 (arXiv 1910.02054, section 7.2).

    Each micro-batch gathers the weights twice and reduces the gradients once. It overlaps with arithmetic, so that the
    longer of the two counts.

    Args:
        parameters: number of weights, sharded over the devices.
        micro_batches: micro-batches per device.
        number: bytes per gathered weight; a gradient has 4.
        scorings: forward-only passes per pass that has a backward.
        device, devices: device type, and number of devices.
    """
    sent = parameters * micro_batches * ((2 + scorings) * number + 4)
    return sent / (device.link if devices <= PER_NODE else device.network)


@dataclass(frozen=True)
class DecodingReplica:
    """One copy of the weights for decoding, spread over some devices.

    Attributes:
        devices: they share weights and sequences evenly, by tensor or expert parallelism; communication is free.
        weight_bytes, cache_bytes: bytes per number.
    """

    shape: Shape
    device: Device
    devices: int
    weight_bytes: float
    cache_bytes: float

    def step_seconds(self, sequences: float, context: float) -> float:
        """Seconds to decode one token of each sequence, at a mean context length in tokens.

        The longer of memory reads (active weights once, each sequence's KV cache) and arithmetic.
        Leaves out kernel launches and communication, so it is too fast for small models and for few sequences.
        """
        read = self.shape.touched_parameters(sequences) * self.weight_bytes
        read += sequences * context * self.shape.cached_values * self.cache_bytes
        arithmetic = compute_seconds(flops(self.shape.active_parameters, sequences, 0), self.device, self.devices)
        return max(read / (self.device.bandwidth * MBU * self.devices), arithmetic)

    def decode_seconds(self, sequences: float, prompt: float, mean: float, limit: float, of: float = 0) -> float:
        """Seconds until the longest response of a round is done.

        Assumes exponentially distributed lengths with that mean, truncated at the limit: a few long responses keep
        the devices waiting, as they do in RL.

        Args:
            sequences: sequences on this replica, all started together.
            prompt: prompt tokens of each.
            mean: mean response length in tokens.
            limit: maximum response length in tokens.
            of: sequences of the round over all replicas, which wait for the longest; 0 if this is the only one.
        """
        longest = longest_response(max(of, sequences), mean, limit)
        steps = longest / _SEGMENTS
        middles = [(number + 0.5) * steps for number in range(_SEGMENTS)]
        return sum(steps * self.step_seconds(max(1.0, sequences * math.exp(-at / mean)), prompt + at) for at in middles)


def longest_response(responses: float, mean: float, limit: float) -> float:
    """Expected maximum of exponentially distributed lengths (mean times harmonic number), at most the limit."""
    return min(limit, mean * (math.log(max(1.0, responses)) + 0.5772))
