"""FLOPs of tokens, and seconds of decoding a batch of responses."""

import math
from dataclasses import dataclass

from r1.planning.hardware import MBU, MFU, PER_NODE, Device
from r1.planning.shapes import Shape

_SEGMENTS = 64
"""Into how many stretches of equally many steps a decoding is cut for the sum."""


def flops(parameters: float, forward: float, trained: float, per_trained: int = 6) -> float:
    """2 per parameter and token forward, 6 forward and backward (arXiv 2001.08361), as r1/training/common.py counts."""
    return parameters * (2 * forward + per_trained * trained)


def compute_seconds(operations: float, device: Device, devices: int) -> float:
    """Of training and of scoring, which are bound by arithmetic."""
    return operations / (device.flops * MFU * devices)


def gather_seconds(
    parameters: float, micro_batches: float, number: int, scorings: float, device: Device, devices: int
) -> float:
    """What ZeRO-3 and FSDP2 send (arXiv 1910.02054, section 7.2): weights twice a micro-batch, gradients once.

    Args:
        parameters: cut over the devices.
        micro_batches: of one device.
        number: bytes that a gathered weight has; a gradient has 4.
        scorings: forward passes without a backward one, for each that has one.
        device, devices: overlapped with arithmetic, so that the longer of both counts.
    """
    sent = parameters * micro_batches * ((2 + scorings) * number + 4)
    return sent / (device.link if devices <= PER_NODE else device.network)


@dataclass(frozen=True)
class Replica:
    """One copy of the weights for decoding, over some devices.

    Attributes:
        devices: they share weights and sequences evenly, by tensor or expert sharding; talk between them is free.
        weight_bytes, cache_bytes: per number.
    """

    shape: Shape
    device: Device
    devices: int
    weight_bytes: float
    cache_bytes: float

    def step_seconds(self, sequences: float, context: float) -> float:
        """One token for each of so many sequences of a mean context (tokens).

        The longer of reading (touched weights once, each sequence's cache) and of arithmetic.
        Leaves out launches and communication, so it is too fast for small models and for few sequences.
        """
        read = self.shape.touched_parameters(sequences) * self.weight_bytes
        read += sequences * context * self.shape.cached_values * self.cache_bytes
        arithmetic = compute_seconds(flops(self.shape.active_parameters, sequences, 0), self.device, self.devices)
        return max(read / (self.device.bandwidth * MBU * self.devices), arithmetic)

    def decode_seconds(self, sequences: float, prompt: float, mean: float, limit: float, of: float = 0) -> float:
        """Until the longest response of a round is done.

        Lengths are taken as exponential with that mean, cut at the limit: a few long responses then keep the
        devices waiting, as they do in RL.

        Args:
            sequences: on this replica, all started together.
            prompt: tokens before each.
            mean: tokens of a response.
            limit: tokens that a response may have.
            of: sequences of the whole round, over all replicas, which waits for its longest; 0 for these alone.
        """
        longest = longest_response(max(of, sequences), mean, limit)
        steps = longest / _SEGMENTS
        middles = [(number + 0.5) * steps for number in range(_SEGMENTS)]
        return sum(steps * self.step_seconds(max(1.0, sequences * math.exp(-at / mean)), prompt + at) for at in middles)


def longest_response(responses: float, mean: float, limit: float) -> float:
    """Expected longest of exponential lengths (the mean times the harmonic number), cut at the limit."""
    return min(limit, mean * (math.log(max(1.0, responses)) + 0.5772))
