"""`python -m r1 plan`: print the plan, and fail if a stage does not fit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from r1.config.launcher import Sharding
from r1.config.recipe import Config
from r1.config.training import TrainingConfig
from r1.planning.hardware import DEVICES, MBU, MFU, DeviceName
from r1.planning.measured import RATE, RATE_SOURCE, timings
from r1.planning.memory import FREE
from r1.planning.plan import Cluster, Cost, plan
from r1.planning.published import MISSES, Check, checks
from r1.planning.recipe import Recipe
from r1.reporting.terminal import SafeConsole, empty_table
from r1.support.errors import UserError

_STATE = {
    **{"weights": "weights", "gradients": "gradients", "optimizer": "optimizer", "frozen": "frozen"},
    **{"engine": "vLLM", "total": "peak"},
}
"""Persistent memory and the peak: attributes of Memory, and their columns."""
_TRANSIENT = {
    **{"compute_weights": "copies", "activations": "activations", "working": "one\nlayer"},
    **{"logits": "logits", "judging": "judges", "cache": "KV\ncache"},
}
"""Memory that is temporary within a step: attributes of Memory, and their columns."""
_COST_LEGEND = """\
tokens generated: without prompts
FLOPs: as the metrics count them, without recomputation
device-hours: wall-clock hours times the number of devices
reward_models: both of them
evaluate_<base>: every model built on that base
"""
_MEMORY_LEGEND = """\
frozen: reference policy and reward models
vLLM: what the engine reserves for its weights and its KV cache
peak: less than the sum of all columns, as they are not all needed at the same time
copies: weights in the compute dtype, or gathered from other devices
one layer: scratch space of the layer being computed, and of the reduction of its gradients
judges: a batch of a reward model
KV cache: for generation without vLLM
"""


class DoesNotFit(UserError):
    """A stage does not fit into the devices' memory."""


def show_plan(
    config: Config,
    device: DeviceName,
    devices: int | None,
    sharding: Sharding | None,
    fill: float,
    prompt_tokens: int,
    force: bool,
) -> None:
    """Print what the recipe would cost.

    Args:
        config: the full configuration.
        device: device to plan for.
        devices, sharding: number of devices and sharding strategy; None takes the launcher's.
        fill: mean length of a response as a share of its limit, above 0 and at most 1.
        prompt_tokens: mean length of a prompt in tokens.
        force: do not raise if a stage does not fit.

    Raises:
        DoesNotFit: with each such stage, what it needs and what is available.
    """
    chosen, launcher = DEVICES[device], config.launcher
    cluster = Cluster(chosen, devices or launcher.total_processes, sharding or launcher.sharding)
    costs = plan(Recipe(config, fill, prompt_tokens).stages(), cluster)
    console = SafeConsole()
    console.print(f"Plan for {cluster.devices} x {chosen.name}", style="bold")
    console.print(f"Specifications: {chosen.source}.")
    console.print(_cost_table(costs))
    console.print(_COST_LEGEND)
    for table in _memory_tables(costs, cluster, config.training):
        console.print(table)
    console.print(_MEMORY_LEGEND)
    console.print(
        f"Assumptions: responses average {fill:.0%} of their limit (--fill), with exponentially distributed lengths; "
        f"prompts average {prompt_tokens} tokens (--prompt-tokens), but at most an eighth of the context of a model "
        f"pretrained here; training reaches {MFU:.0%} of peak FLOP/s, decoding {MBU:.0%} of memory bandwidth; "
        f"{FREE:.0%} of memory stays free. Expect hours to be off by a factor of two; `python -m r1 plan --checks` "
        "compares the planner with published runs."
    )
    refused = [f"{cost.name}: {cost.problem}" for cost in costs if cost.problem]
    if refused and not force:
        raise DoesNotFit("\n  ".join((f"does not fit on {chosen.name} (--force skips this check)", *refused)))


def show_checks() -> None:
    """Print the planner's errors against published figures and against measured times of the run in data/metrics."""
    console, compared = SafeConsole(), checks()
    console.print(_check_table(compared))
    sources: dict[str, list[str]] = {}
    for check in compared:
        if check.name not in sources.setdefault(check.source, []):
            sources[check.source].append(check.name)
    assumed = {check.name: check.assumed for check in compared if check.assumed}
    for title, entries in (
        ("Sources", {source: "; ".join(names) for source, names in sources.items()}),
        ("Assumptions about what is not published", assumed),
        ("Why the planner is off", MISSES),
    ):
        console.print(title, style="bold")
        for name, text in entries.items():
            console.print(Padding(Text.assemble((name, "cyan"), f": {text}"), (0, 0, 0, 2)))
        console.print()
    console.print(_timing_table())
    console.print(f"ratio: planned / measured, red beyond a factor of two; at {RATE / 1e9:.0f} GFLOP/s, {RATE_SOURCE}")
    console.print("\nPlanned memory against measured peaks: bench/results/memory.md")


def _check_table(compared: Sequence[Check]) -> Table:
    numbers = ("published", "planned", "error")
    table = empty_table(("figure", "unit"), numbers, "The planner against published figures")
    for check in compared:
        published, planned = _four_digits(check.published), _four_digits(check.planned)
        table.add_row(check.name, check.unit, published, planned, f"{check.error:+.1%}")
    return table


def _timing_table() -> Table:
    numbers = ("measured [s]", "planned [s]", "ratio")
    table = empty_table(("stage", "phase"), numbers, "The planner against measured times of the run in data/metrics")
    for timing in timings(Path.cwd()):
        style = "" if 0.5 < timing.ratio < 2 else "red"
        seconds = f"{timing.measured:.1f}", f"{timing.planned:.1f}", f"{timing.ratio:.2f}"
        table.add_row(timing.stage, timing.phase, *seconds, style=style)
    return table


def _cost_table(costs: Sequence[Cost]) -> Table:
    """Tokens, FLOPs, hours and dollars."""
    numbers = ("tokens\ngenerated", "tokens\ntrained", "FLOPs", "device-\nhours", "cost\n[$]")
    table = empty_table(("stage",), numbers, "Cost")
    rows = [(cost.name, cost.generated, cost.trained, cost.flops, cost.hours, cost.dollars) for cost in costs]
    totals = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    for name, generated, trained, operations, hours, dollars in (*rows, ("all", *totals)):
        if name == "all":
            table.add_section()
        table.add_row(
            *(name, _tokens(generated), _tokens(trained), f"{operations:.2e}"),
            *(_hours(hours), f"{dollars:,.2f}" if dollars < 1000 else f"{dollars:,.0f}"),
        )
    return table


def _memory_tables(costs: Sequence[Cost], cluster: Cluster, options: TrainingConfig) -> Iterator[Table]:
    """Memory per device: persistent memory and the peak, then temporary memory. Stages that do not fit are red."""
    setting = [cluster.sharding, "float32" if options.mixed_precision == "none" else "bf16 on float32 weights"]
    setting += ["gradient checkpointing"] * options.gradient_checkpointing + ["LoRA"] * (options.lora is not None)
    unit, size = ("GB", 1e9) if max(cost.memory.total for cost in costs) >= 1e10 else ("MB", 1e6)
    usable = f"{cluster.usable / size:,.0f} of {cluster.device.memory / size:,.0f} {unit} usable"
    for title, parts in (
        (f"Memory per device [{unit}], {usable}\n{', '.join(setting)}", _STATE),
        (f"Memory per device [{unit}], temporary", _TRANSIENT),
    ):
        table = empty_table(("stage",), list(parts.values()), title)
        for cost in costs:
            sizes = [_size(getattr(cost.memory, part) / size) for part in parts]
            table.add_row(cost.name, *sizes, style="red" if cost.problem else "")
        yield table


def _size(number: float) -> str:
    """Format a size: one decimal below 100, none above; "-" for zero."""
    if not number:
        return "-"
    return f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


def _hours(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f}" if hours < 1000 else f"{hours:,.0f}"
    return f"{hours:.2g}" if hours >= 0.0001 else "<0.0001"


def _tokens(number: float) -> str:
    """Format a number of tokens with a unit, 1,234 as 1.2k; "-" for zero."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:.0f}" if number else "-"


def _four_digits(number: float) -> str:
    """Format a number with four significant digits, without an exponent."""
    rounded = float(f"{number:.4g}")
    return f"{rounded:,.0f}" if rounded >= 1000 else f"{rounded:g}"
