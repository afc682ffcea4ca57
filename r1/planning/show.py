"""`python -m r1 plan`: the plan on the terminal, and its refusal of what cannot fit."""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from r1.config.launcher import Sharding
from r1.config.recipe import Config
from r1.config.training import TrainingConfig
from r1.planning.hardware import DEVICES, MBU, MFU, DeviceName
from r1.planning.measured import RATE, RATE_SOURCE, timings
from r1.planning.memory import FREE
from r1.planning.plan import Cluster, Cost, plan
from r1.planning.published import MISSES, checks
from r1.planning.recipe import Recipe
from r1.reporting.inspect import SafeConsole
from r1.support.errors import UserError

_MEMORY = {
    **{"weights": "weights", "gradients": "grad.", "optimizer": "optim.", "frozen": "frozen", "copies": "copies"},
    **{
        "activations": "activ.",
        "working": "work",
        "logits": "logits",
        "cache": "cache",
        "engine": "engine",
        "total": "total",
    },
}
"""Parts of the memory, and their columns."""


class DoesNotFit(UserError):
    """Stages that the devices' memory cannot hold."""


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
        config: the whole.
        device: to plan for.
        devices, sharding: how many, and how training is spread over them; None is what the launcher says.
        fill: mean response as a share of its limit.
        prompt_tokens: mean length of a prompt.
        force: do not refuse what does not fit.

    Raises:
        DoesNotFit: naming each stage, what it needs and what there is.
    """
    chosen, launcher = DEVICES[device], config.launcher
    cluster = Cluster(chosen, devices or launcher.total_processes, sharding or launcher.sharding)
    costs = plan(Recipe(config, fill, prompt_tokens).stages(), cluster)
    console = SafeConsole()
    console.print(_cost_table(costs, cluster))
    console.print(_memory_table(costs, cluster, config.training))
    console.print(
        f"Assumed: mean responses {fill:.0%} of their limit, prompts of {prompt_tokens} tokens (or an eighth of a "
        f"context made here), training at {MFU:.0%} of the peak, decoding at {MBU:.0%} of the bandwidth, lengths "
        f"exponential; {FREE:.0%} of the memory stays free. Hours: within a factor of 2 or so at best, see --checks."
    )
    refused = [f"{cost.name}: {cost.lacks}" for cost in costs if cost.lacks]
    if refused and not force:
        raise DoesNotFit("\n  ".join((f"does not fit into a {chosen.name} (--force plans on)", *refused)))


def show_checks() -> None:
    """Print the planner's errors against what is published, and against what the miniature's committed run measured."""
    table = Table(title="The planner against published figures", box=box.SIMPLE)
    for column in ("what", "unit", "published", "planned", "error", "assumed beside", "source"):
        table.add_column(column, justify="right" if column in ("published", "planned", "error") else "left")
    for check in checks():
        numbers = f"{check.published:,.4g}", f"{check.planned:,.4g}", f"{check.error:+.1%}"
        table.add_row(check.name, check.unit, *numbers, check.assumed, check.source)
    console = SafeConsole()
    console.print(table)
    for name, reason in MISSES.items():
        console.print(f"{name}: {reason}")
    console.print(_timing_table())
    console.print("Memory against measured peaks: bench/results/memory.md.")


def _timing_table() -> Table:
    title = f"seconds of the miniature's committed run, at {RATE / 1e9:.0f} GFLOP/s ({RATE_SOURCE})"
    table = Table(title=title, box=box.SIMPLE)
    for column in ("stage", "phase", "measured", "planned", "ratio"):
        table.add_column(column, justify="right" if column in ("measured", "planned", "ratio") else "left")
    for timing in timings(Path.cwd()):
        style = "" if 0.5 < timing.ratio < 2 else "red"
        numbers = f"{timing.measured:.1f}", f"{timing.planned:.1f}", f"{timing.ratio:.2f}"
        table.add_row(timing.stage, timing.phase, *numbers, style=style)
    return table


def _cost_table(costs: Sequence[Cost], cluster: Cluster) -> Table:
    """Tokens, FLOPs, hours and dollars."""
    title = f"{cluster.devices} x {cluster.device.name} ({cluster.device.source})"
    table = Table(title=title, box=box.SIMPLE)
    table.add_column("stage")
    for column in ("generated", "trained", "FLOPs", "device hours", "$"):
        table.add_column(column, justify="right")
    rows = [(cost.name, cost.generated, cost.trained, cost.flops, cost.hours, cost.dollars) for cost in costs]
    totals = [sum(column) for column in list(zip(*rows, strict=True))[1:]]
    for name, generated, trained, operations, hours, dollars in (*rows, ("all", *totals)):
        if name == "all":
            table.add_section()
        numbers = f"{operations:.2e}", f"{hours:,.1f}" if hours >= 1 else f"{hours:.2g}", f"{dollars:,.2f}"
        table.add_row(name, _short(generated), _short(trained), *numbers)
    return table


def _memory_table(costs: Sequence[Cost], cluster: Cluster, options: TrainingConfig) -> Table:
    """Bytes on each device, and what does not fit."""
    chosen = [cluster.sharding, "float32" if options.mixed_precision == "none" else "bf16 on float32 weights"]
    chosen += ["checkpointing"] * options.gradient_checkpointing + ["LoRA"] * (options.lora is not None)
    title = f"bytes on each device, {', '.join(chosen)}; {_short(cluster.usable)} can be used"
    table = Table(title=title, box=box.SIMPLE, padding=0, collapse_padding=True)
    table.add_column("stage ")
    for column in _MEMORY.values():
        table.add_column(f" {column}", justify="right")
    for cost in costs:
        sizes = [f" {_short(getattr(cost.memory, part))}" for part in _MEMORY]
        table.add_row(cost.name, *sizes, style="red" if cost.lacks else "")
    return table


def _short(number: float) -> str:
    """1,234 as 1.2k, and so on; - for none."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return f"{number:.0f}" if number else "-"
