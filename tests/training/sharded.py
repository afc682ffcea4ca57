"""RL under FSDP2 in processes that have no GPU: what each of them holds, and in which dtypes.

    accelerate launch --config_file conf/accelerate/fsdp2.yaml --num_processes 2 \
      tests/training/sharded.py grpo MODEL JUDGE OUT

accelerate shards on GPUs only: here its state is told that gloo's processes will do. Completions are random tokens, as
nothing generates from shards on a CPU.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent.parent
LENGTH = 24
"""Tokens of a completion."""


def held(kind: str, model: Path, judge: Path, out: Path) -> dict[str, Any]:
    """Train in two processes in bf16, and return what the first of them saw.

    Args:
        kind: an RL algorithm; or `sft` or `reward_model`, which are also killed and resumed.
        model: directory to start from.
        judge: a reward model.
        out: folder for what comes of it.
    """
    configuration = ["--config_file", "conf/accelerate/fsdp2.yaml", "--num_processes", "2", "--main_process_port", "0"]
    command = [sys.executable, "-m", "accelerate.commands.launch", *configuration, __file__, kind]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [*command, str(model), str(judge), str(out)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise RuntimeError(result.stdout[-3000:] + result.stderr[-6000:])
    return json.loads((out / "held.json").read_text())  # type: ignore[no-any-return]


def shard_on_cpu() -> None:
    """Have accelerate shard in processes without a GPU, and our checks accept that."""
    from accelerate.state import AcceleratorState, PartialState
    from accelerate.utils import DistributedType

    import r1.rl.train
    import r1.training.arguments

    start = AcceleratorState.__init__

    def started(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        start(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = PartialState._shared_state["distributed_type"] = DistributedType.FSDP
            self.fsdp_plugin = fsdp_plugin
            if self.mixed_precision != "no":
                fsdp_plugin.set_mixed_precision(self.mixed_precision)

    AcceleratorState.__init__ = started
    for module in (r1.training.arguments, r1.rl.train):
        vars(module)["sharding"] = lambda: "fsdp2"
    vars(r1.rl.train)["check_rl_launch"] = lambda *_: None


def groups(model: torch.nn.Module) -> list[Any]:
    """torch's FSDP2 units that have weights."""
    from torch.distributed.fsdp import FSDPModule

    found = {
        id(group): group
        for module in model.modules()
        if isinstance(module, FSDPModule)
        for group in module._get_fsdp_state()._fsdp_param_groups
    }
    return list(found.values())


def units(model: torch.nn.Module) -> list[int]:
    """Weights of each unit, over all processes."""
    return [sum(one.sharded_param.numel() for one in group.fsdp_params) for group in groups(model)]


def local(tensors: Any) -> int:
    """Bytes of this process's shards."""
    from torch.distributed.tensor import DTensor

    return sum(
        part.numel() * part.element_size()
        for tensor in tensors
        if tensor is not None
        for part in [tensor.to_local() if isinstance(tensor, DTensor) else tensor]
    )


def supervised(kind: str, model: Path, out: Path) -> dict[str, Any]:
    """Train undisturbed, and again with a kill in between; rank 0's models have all weights."""
    from r1.support.processes import is_main
    from tests.trainings import context, finetuned, killed_in, preferring

    training = {"sft": finetuned, "reward_model": preferring}[kind]
    whole, killed = (context(out / name, mixed_precision="bf16") for name in ("whole", "killed"))
    undisturbed = training(model, whole).model
    with killed_in(4):
        training(model, killed)
    resumed = training(model, killed).model
    if not is_main():
        return {}
    pairs = zip(undisturbed.parameters(), resumed.parameters(), strict=True)
    return {
        "parameters": undisturbed.num_parameters(),
        "dtypes": sorted({str(value.dtype) for value in undisturbed.state_dict().values()}),
        "difference": max(float((one - other).detach().abs().max()) for one, other in pairs),
        "curves": [each.curve.read_text() for each in (whole, killed)],
    }


def main() -> None:
    kind, model, judge, out = sys.argv[1], *map(Path, sys.argv[2:5])
    shard_on_cpu()
    answer = supervised(kind, model, out) if kind in ("sft", "reward_model") else reinforced(kind, model, judge, out)
    if answer:
        (out / "held.json").write_text(json.dumps(answer))


def reinforced(algorithm: str, model: Path, judge: Path, out: Path) -> dict[str, Any]:
    """Train two steps on random completions, scored by two reward models that are shards too."""
    from transformers import TrainerCallback

    from r1.config.rl import FinalRlConfig
    from r1.models.chat import as_messages
    from r1.models.patches import hide_vllm_from_trl
    from r1.models.policy import Policy
    from r1.rewards.preference import PreferenceReward
    from r1.rl import train as training
    from r1.rl.settings import RlSettings
    from r1.support.processes import is_main
    from r1.training.context import PLAIN, TrainingContext
    from tests.conftest import compose

    hide_vllm_from_trl()
    from trl.trainer import grpo_trainer, rloo_trainer

    found: dict[str, Any] = {"device_maps": []}

    def random_tokens(self: Any, prompt_ids: list[list[int]], *_: Any, **__: Any) -> Any:
        return [torch.randint(5, 200, (LENGTH - row % 7,)).tolist() for row in range(len(prompt_ids))], None

    grpo_trainer.GRPOTrainer._generate_single_turn = random_tokens
    rloo_trainer.RLOOTrainer._generate_single_turn = lambda *given: random_tokens(*given)[0]
    load = grpo_trainer.create_model_from_path

    def loading(*args: Any, **kwargs: Any) -> Any:
        found["device_maps"].append(kwargs.get("device_map", "auto"))
        return load(*args, **kwargs)

    grpo_trainer.create_model_from_path = rloo_trainer.create_model_from_path = loading

    class Look(TrainerCallback):
        """Look after the update, when gradients and moments are there."""

        def on_optimizer_step(self, args: Any, state: Any, control: Any, optimizer: Any = None, **_: Any) -> None:
            trainer = found["trainer"]
            beside = trainer.ref_model if trainer.ref_model is not None else trainer.start
            policy = list(trainer.model.parameters())
            moments = [
                value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)
            ]
            judges = [each.model for each in preference.models.values()]
            found["held"] = {
                "units": {"policy": units(trainer.model), "beside": units(beside), "judges": [*map(units, judges)]},
                "bytes": {
                    "weights": local(policy),
                    "gradients": local([one.grad for one in policy]),
                    "optimizer": local(one for one in moments if one.numel() > 1),
                    "frozen": local(beside.parameters()),
                    "judges": sum(local(one.parameters()) for one in judges),
                },
                "log_probabilities": str(trainer._log_probabilities.dtype),
                "gradients": sorted({str(one.grad.dtype) for one in policy if one.grad is not None}),
            }

    run = vars(training)["train"]

    def watched(trainer: Any) -> Any:
        found["trainer"] = trainer
        trainer.add_callback(Look())
        backward, found["backwards"], found["whole_gradients"] = trainer.accelerator.backward, 0, 0

        def counted(*args: Any, **kwargs: Any) -> None:
            backward(*args, **kwargs)
            found["backwards"] += 1
            found["whole_gradients"] += sum(
                one.unsharded_accumulated_grad is not None
                for group in groups(trainer.model)
                for one in group.fsdp_params
            )

        trainer.accelerator.backward = counted
        return run(trainer)

    vars(training)["train"] = watched
    preference = PreferenceReward(judge, judge)
    config = compose("profile=smoke", f"rl/algorithm={algorithm}")
    update = {
        "max_steps": 2,
        "batch_size": 16,
        "micro_batch_size": 4,
        "micro_batch_tokens": 60,
        "num_generations": 4,
        "rewards": {"preference": 1.0},
    }
    stage: FinalRlConfig = config.final_rl.model_copy(update=update)
    prompts = [
        {
            "prompt": as_messages(f"What is {n} + 1?" * (1 + n % 3)),
            **{"task": "", "answer": "", "kind": "helpful" if n % 2 else ""},
        }
        for n in range(16)
    ]
    context = TrainingContext(
        0, out / "curve.csv", out / "checkpoints", PLAIN.model_copy(update={"mixed_precision": "bf16"})
    )
    training.train_rl(Policy(model), prompts, RlSettings(stage, config.rl), context, preference=preference)
    answer = {**found["held"], **{key: found[key] for key in ("device_maps", "whole_gradients", "backwards")}}
    return answer if is_main() else {}


if __name__ == "__main__":
    main()
