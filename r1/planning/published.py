"""The planner checked against published figures, with relative errors; nothing is fitted to them."""

from dataclasses import dataclass

from r1.planning.compute import DecodingReplica, compute_seconds, flops, gather_seconds
from r1.planning.hardware import DEVICES, Device
from r1.planning.memory import FREE
from r1.planning.shapes import KNOWN, KnownName, Shape

V3 = KNOWN["DeepSeek-V3"]
H800 = DEVICES["h800"]
DOLLARS = H800.dollars

PRETRAINING_TOKENS = 14.8e12
"""arXiv 2412.19437, section 4.1."""
EXTENSION_TOKENS = 1000 * 1920 * 32_768 + 1000 * 480 * 131_072
"""Two phases of context extension, each steps times batch size times length (arXiv 2412.19437, section 4.3)."""

GPUS = 512
"""64 nodes of 8 H800 (arXiv 2501.12948v2, appendix on training cost)."""
STEPS, ROLLOUTS_PER_STEP, ROLLOUTS_PER_ROUND = 10_400, 32 * 16, 8_192
LONGER_FROM, LIMIT, LONGER_LIMIT = 8_200, 32_768, 65_536
"""R1-Zero's settings (arXiv 2501.12948v2, section 2): the maximum response length doubles after step 8.2k."""
FINAL_STEPS = 1_700
"""Steps of R1's second RL stage (arXiv 2501.12948v2, section 3)."""
SFT_EXAMPLES, SFT_TOKENS, SFT_EPOCHS = 804_745, 5_355, 2.5
"""The SFT set and its mean length in tokens (Nature supplement); the mean of 2 to 3 epochs."""
KEPT_REASONING = 600_000

FIRST_LENGTH, LENGTH_AT_LIMIT, LAST_LENGTH = 500.0, 10_000.0, 12_000.0
"""Mean response length at the start, at step 8.2k and at the end, read off a figure (arXiv 2501.12948, figure 3) and
interpolated linearly."""
PROMPT = 200.0
"""Prompt length in tokens; assumed."""
WEIGHT_BYTES = CACHE_BYTES = 2.0
"""Rollouts in bfloat16; their actual precision is not published."""

SIMPLE_SOURCE = "hkust-nlp/simpleRL-reason, README"
SIMPLE_ROUNDS, SIMPLE_ROLLOUTS, SIMPLE_LIMIT = 100, 1024 * 8, 8_192
"""About 100 steps of 1,024 prompts with 8 responses each: 15 hours on 16 H100 for 7B, 1.5 days on 64 for 32B."""
SIMPLE_MICRO = 2
"""Micro-batch size per GPU, from its train_grpo_math_tune_ray.sh."""
SIMPLE_LENGTH = 800.0
"""Mean response length in tokens; assumed."""

REASONING_STEPS = 1_700
"""Steps of R1's first RL stage; not published, assumed to equal the second's."""
SAMPLES_PER_KEPT = 4
"""Samples drawn per sample kept; not published, assumed."""


MISSES = {
    "R1's SFT data": (
        "the number of samples drawn per sample kept is not published; at the planned speed the published hours "
        f"would pay for about 24, while {SAMPLES_PER_KEPT} are assumed"
    ),
    "V3 decoding, 144 GPUs": (
        "the plan counts only memory bandwidth and arithmetic; in production every layer also waits for the "
        "all-to-all between experts on 18 nodes"
    ),
    "SimpleRL-Zoo": (
        "the mean response length is assumed; for 32B, so is the number of rounds, and tensor-parallel "
        "communication over 8 GPUs is left out"
    ),
    "R1-Zero and R1": (
        "weight syncs to the engines, rewards (compilers, test cases), checkpoints and failures are left out; "
        "decoding is planned too fast, as above; the number of steps of R1's first RL stage is not published"
    ),
}
"""Reasons for the errors."""


@dataclass(frozen=True)
class Check:
    """A published figure and the planned one.

    Attributes:
        assumed: our assumptions about unpublished settings; empty if all are published.
    """

    name: str
    unit: str
    published: float
    planned: float
    source: str
    assumed: str = ""

    @property
    def error(self) -> float:
        """Relative error: 0.1 is 10 % too much."""
        return self.planned / self.published - 1


def checks() -> list[Check]:
    """Return all checks."""
    pretraining = _hours(compute_seconds(flops(V3.active_parameters, 0, PRETRAINING_TOKENS), H800, 1))
    extension = _hours(compute_seconds(flops(V3.active_parameters, 0, EXTENSION_TOKENS), H800, 1))
    zero, r1, data = zero_hours(), r1_hours(), sft_data_hours()
    v3, r1_source = "arXiv 2412.19437, table 1", "arXiv 2501.12948v2, table on training cost"
    simple = f"{SIMPLE_LENGTH:.0f} tokens per response"
    lengths, steps = "response length grows linearly in the step", f"{REASONING_STEPS:,} steps of reasoning RL"
    return [
        Check("V3 parameters", "billions", 671, V3.parameters / 1e9, "arXiv 2412.19437, abstract"),
        Check("V3 active parameters", "billions", 37, V3.active_parameters / 1e9, "arXiv 2412.19437, abstract"),
        Check("V3 pretraining", "H800 hours", 2.664e6, pretraining, v3),
        Check("V3, total", "H800 hours", 2.788e6, pretraining + extension, v3),
        Check("V3, total", "$", 5.576e6, DOLLARS * (pretraining + extension), v3),
        Check("R1-Zero", "H800 hours", 101e3, zero, r1_source, lengths),
        Check("R1's SFT data", "H800 hours", 5e3, data, r1_source, f"{SAMPLES_PER_KEPT} samples drawn per sample kept"),
        Check("R1", "H800 hours", 41e3, r1, r1_source, steps),
        Check("R1-Zero and R1, total", "H800 hours", 147e3, zero + data + r1, r1_source, f"{lengths}; {steps}"),
        Check("R1-Zero and R1, total", "$", 294e3, DOLLARS * (zero + data + r1), r1_source, f"{lengths}; {steps}"),
        Check(
            *("V3 decoding, 144 GPUs", "tokens/s per H800", 14_800 / 8, serving_speed()),
            "DeepSeek-V3/R1 Inference System Overview, 2025",
        ),
        Check("SimpleRL-Zoo, 7B", "H100 hours", 16 * 15, simple_hours("Qwen2.5-7B", 16, 2), SIMPLE_SOURCE, simple),
        Check(
            *("SimpleRL-Zoo, 32B", "H100 hours", 64 * 36, simple_hours("Qwen2.5-32B", 64, 8), SIMPLE_SOURCE),
            f"{simple}; {SIMPLE_ROUNDS} rounds, as for 7B",
        ),
    ]


def zero_hours() -> float:
    """GPU-hours of R1-Zero: rounds of 8,192 rollouts, each decoded to its longest, scored by two models, trained on."""
    rounds = STEPS * ROLLOUTS_PER_STEP // ROLLOUTS_PER_ROUND
    steps_per_round = ROLLOUTS_PER_ROUND // ROLLOUTS_PER_STEP
    total = 0.0
    for number in range(rounds):
        step = number * steps_per_round
        total += _round_hours(mean_length(step), LIMIT if step < LONGER_FROM else LONGER_LIMIT)
    return total


def r1_hours() -> float:
    """GPU-hours of R1: two RL stages at R1-Zero's response length at step 8.2k, and the SFT between them."""
    rounds = (REASONING_STEPS + FINAL_STEPS) * ROLLOUTS_PER_STEP / ROLLOUTS_PER_ROUND
    trained = SFT_EXAMPLES * SFT_TOKENS * SFT_EPOCHS
    sft = _hours(compute_seconds(flops(V3.active_parameters, 0, trained), H800, 1))
    return rounds * _round_hours(LENGTH_AT_LIMIT, LIMIT) + sft


def simple_hours(name: KnownName, gpus: int, parallel: int) -> float:
    """GPU-hours of SimpleRL-Zoo: rounds decoded to their longest, scored by two models, trained on with checkpointing.

    Args:
        name: the base model.
        gpus: number of GPUs.
        parallel: tensor-parallel size of a decoding replica.
    """
    shape, device = KNOWN[name], DEVICES["h100"]
    replica = DecodingReplica(shape, device, parallel, WEIGHT_BYTES, CACHE_BYTES)
    share = SIMPLE_ROLLOUTS * parallel / gpus
    decoding = replica.decode_seconds(share, PROMPT, SIMPLE_LENGTH, SIMPLE_LIMIT, of=SIMPLE_ROLLOUTS)
    tokens = SIMPLE_ROLLOUTS * (PROMPT + SIMPLE_LENGTH)
    micro_batches = SIMPLE_ROLLOUTS / (SIMPLE_MICRO * gpus)
    training = max(
        compute_seconds(flops(shape.parameters, 3 * tokens, tokens), device, gpus),
        gather_seconds(shape.parameters, micro_batches, 2, 2, device, gpus),
    )
    return _hours(SIMPLE_ROUNDS * (decoding + training) * gpus)


def sft_data_hours() -> float:
    """GPU-hours of rejection sampling, with as many concurrent sequences as fit."""
    replica = _replica(V3, H800)
    context = PROMPT + SFT_TOKENS / 2
    room = replica.devices * H800.memory * (1 - FREE) - V3.parameters * WEIGHT_BYTES
    sequences = room / (context * V3.cached_values * CACHE_BYTES)
    speed = sequences / replica.step_seconds(sequences, context) / replica.devices
    return _hours(KEPT_REASONING * SAMPLES_PER_KEPT * SFT_TOKENS / speed)


def serving_speed() -> float:
    """Decoded tokens per second and GPU in DeepSeek's serving: 21 tokens/s per user, 4,989 tokens of context, FP8."""
    sequences = 144 * 14_800 / 8 / 21
    replica = DecodingReplica(V3, H800, 144, weight_bytes=1, cache_bytes=2)
    return sequences / replica.step_seconds(sequences, 4_989) / 144


def mean_length(step: int) -> float:
    """R1-Zero's mean response length at a step, in tokens."""
    if step < LONGER_FROM:
        return FIRST_LENGTH + (LENGTH_AT_LIMIT - FIRST_LENGTH) * step / LONGER_FROM
    return LENGTH_AT_LIMIT + (LAST_LENGTH - LENGTH_AT_LIMIT) * (step - LONGER_FROM) / (STEPS - LONGER_FROM)


def _round_hours(mean: float, limit: float) -> float:
    """GPU-hours of a round: decode until the longest response is done, score twice (policy, reference), train."""
    replica = _replica(V3, H800)
    share = ROLLOUTS_PER_ROUND * replica.devices / GPUS
    decoding = replica.decode_seconds(share, PROMPT, mean, limit, of=ROLLOUTS_PER_ROUND) * GPUS
    tokens = ROLLOUTS_PER_ROUND * (PROMPT + mean)
    return _hours(decoding + compute_seconds(flops(V3.active_parameters, 2 * tokens, tokens), H800, 1))


def _replica(shape: Shape, device: Device) -> DecodingReplica:
    """A replica on the smallest power of two of devices whose memory the weights fill by at most 60 %."""
    devices = 1
    while shape.parameters * WEIGHT_BYTES > 0.6 * device.memory * devices:
        devices *= 2
    return DecodingReplica(shape, device, devices, WEIGHT_BYTES, CACHE_BYTES)


def _hours(seconds: float) -> float:
    return seconds / 3600
