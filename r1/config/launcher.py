"""How a stage is launched: in one process, in several on this machine, or as a Slurm job.

`python -m r1 launch` builds the command from it. It is not a parameter of any stage: changing the launcher changes
results only by rounding, so it does not mark finished stages as changed.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from r1.config.base import Section

Sharding = Literal["ddp", "fsdp2", "zero3"]
"""How training processes split the model: ddp keeps a full copy in each, the others shard it."""


class LocalConfig(Section):
    """One process on this machine."""

    name: Literal["local"]

    @property
    def sharding(self) -> Sharding:
        return "ddp"

    @property
    def total_processes(self) -> int:
        return 1


class AccelerateConfig(Section):
    """Several processes on this machine, one per GPU; without a GPU they share the CPU (ddp only).

    Attributes:
        num_processes: processes of a training stage; a sampling stage runs in one.
    """

    name: Sharding
    num_processes: PositiveInt

    @property
    def sharding(self) -> Sharding:
        return self.name

    @property
    def total_processes(self) -> int:
        return self.num_processes


class SlurmConfig(Section):
    """One Slurm job per training or sampling stage: training uses all GPUs of all nodes, sampling one node.

    sbatch's variables set partition, time limit and account: SBATCH_PARTITION, SBATCH_TIMELIMIT, SBATCH_ACCOUNT.

    Attributes:
        sharding: ddp, fsdp2 or zero3, as with the launchers of those names.
        nodes, gpus_per_node: one process per GPU.
    """

    name: Literal["slurm"]
    sharding: Sharding
    nodes: PositiveInt
    gpus_per_node: PositiveInt

    @property
    def total_processes(self) -> int:
        return self.nodes * self.gpus_per_node


LauncherConfig = Annotated[LocalConfig | AccelerateConfig | SlurmConfig, Field(discriminator="name")]
