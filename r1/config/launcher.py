"""How a stage is started: in one process, in several on this machine, or as a Slurm job.

`python -m r1 launch` builds the command from it. It is no parameter of any stage: another launcher changes no result
beyond rounding, so it marks no finished stage as changed.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from r1.config.base import Section

Sharding = Literal["ddp", "fsdp2", "zero3"]
"""How the processes of a training split it: ddp keeps the whole model in each, the others shard it."""


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
        num_processes: of a stage that trains; a stage that samples runs in one.
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
    """One Slurm job per stage that trains or samples: training on all GPUs of several nodes, sampling on one node.

    Partition, time limit and account are sbatch's own variables: SBATCH_PARTITION, SBATCH_TIMELIMIT, SBATCH_ACCOUNT.

    Attributes:
        sharding: as of the launchers with these names.
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
