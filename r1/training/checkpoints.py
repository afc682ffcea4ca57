"""Checkpoints: a killed run resumes from its last intact one and ends byte-identical to an uninterrupted run.

A checkpoint is transformers' own plus the learning curve and a manifest: an ordinary model directory, intact if its
contents match the manifest.
"""

import json
import logging
import shutil
from pathlib import Path
from typing import Any, cast

import torch
from accelerate.utils import DistributedType, broadcast_object_list
from safetensors.torch import load_file, save_file
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict
from transformers import PreTrainedModel, PrinterCallback
from transformers.trainer import TRAINING_ARGS_NAME

from r1.config.rl import RlConfig
from r1.models.sharding import reduce_in_float32, return_float32
from r1.support.artifacts import BrokenArtifact, check_whole, read_json, write_manifest, write_text
from r1.support.errors import UserError, room_on
from r1.training.context import STOPPED
from r1.training.guards import Guard, Stopped
from r1.training.recorder import LIVE_CURVE, Recorder

log = logging.getLogger(__name__)

STATE = "recorded.json"


class Checkpointed:
    """Mixin for a trainer, placed before it: adds recording, guards, and resumption as if it had never been killed.

    Attributes:
        record: the learning curve and the rest of the recorded state.
        companions: further models to checkpoint, such as a reference that changes or a critic.
    """

    args: Any
    state: Any
    accelerator: Any
    model: Any
    model_wrapped: Any

    def __init__(self, *args: Any, record: Recorder, rl: RlConfig | None = None, **kwargs: Any) -> None:
        """Args: the recorder; the RL limits, or None for supervised training."""
        super().__init__(*args, callbacks=[record, Guard(record, rl)], **kwargs)  # type: ignore[call-arg]
        if self.accelerator.is_fsdp2:
            return_float32(self.model)
        self.record = record
        self.companions: dict[str, nn.Module] = {}
        self.remove_callback(PrinterCallback)  # type: ignore[attr-defined]

    def create_accelerator_and_postprocess(self) -> None:
        """transformers' accelerator, which under FSDP2 reduces gradients in float32."""
        super().create_accelerator_and_postprocess()  # type: ignore[misc]
        reduce_in_float32(self.accelerator)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        folder = Path(self.args.output_dir)
        directory = folder / f"checkpoint-{self.state.global_step}"
        try:
            with room_on(folder):
                super()._save_checkpoint(model, trial)  # type: ignore[misc]
                beside = {name: self.accelerator.get_state_dict(module) for name, module in self.companions.items()}
                self.accelerator.wait_for_everyone()
                if self.args.should_save:
                    self._seal(directory, beside)
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise

    def _seal(self, directory: Path, beside: dict[str, dict[str, torch.Tensor]]) -> None:
        (directory / TRAINING_ARGS_NAME).unlink()  # a pickle, which runs code when loaded; nothing needs it
        for name, weights in beside.items():
            separate = {key: value.contiguous().clone() for key, value in weights.items()}
            save_file(separate, directory / f"{name}.safetensors")
        write_text(directory / STATE, json.dumps(self.record.state()))
        write_manifest(directory, {})

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)  # type: ignore[misc]
        directory = Path(resume_from_checkpoint)
        for name, module in self.companions.items():
            load_weights(self.accelerator, module, load_file(directory / f"{name}.safetensors"))
        self.record.restore(read_json(directory / STATE))
        # TRL's supervised trainers restart this count at 0 (its RL trainers keep theirs in transformers' state).
        self._total_train_tokens = int(self.record.rows[-1].get("num_tokens", 0))


def load_weights(accelerator: Any, module: nn.Module, weights: dict[str, Any]) -> None:
    """Load full weights, as accelerate's `get_state_dict` returns them, into a module that may be sharded."""
    if accelerator.distributed_type == DistributedType.FSDP:
        set_model_state_dict(module, weights, options=StateDictOptions(full_state_dict=True))
    else:
        accelerator.unwrap_model(module).load_state_dict(weights)


def train(trainer: Checkpointed) -> PreTrainedModel:
    """Train, resuming from the last intact checkpoint if there is one.

    Returns:
        The trained model.

    Raises:
        Stopped: if a guard ended the run; the last good checkpoint, the curve and the diagnosis are kept.
        UserError: if a zero3 run would have to resume.
    """
    folder, main = Path(trainer.args.output_dir), trainer.accelerator.is_main_process
    resumed: Path | None = broadcast_object_list([last_intact_checkpoint(folder) if main else None])[0]
    if resumed is not None and trainer.accelerator.distributed_type == DistributedType.DEEPSPEED:
        # transformers would restore only weights and optimizer: no curve, no rollout budget, no reference policy.
        raise UserError(
            f"launcher = 'zero3': cannot resume from {resumed}; delete {folder} to start over, or use fsdp2"
        )
    if resumed is not None:
        log.info("resuming from %s", resumed)
    try:
        cast(Any, trainer).train(resume_from_checkpoint=None if resumed is None else str(resumed))
    except Stopped as stop:  # raised at the same step in every process, since all log the same values
        kept = _keep_good_checkpoints(stop, folder, trainer.record) if main else stop
        trainer.accelerator.wait_for_everyone()  # the launcher kills the other processes as soon as one fails
        raise kept from None
    return gathered_model(trainer)


def gathered_model(trainer: Checkpointed) -> PreTrainedModel:
    """The trained model; if its weights are sharded, the main process gets a model with all of them."""
    accelerator = trainer.accelerator
    model: PreTrainedModel = accelerator.unwrap_model(trainer.model)
    if accelerator.distributed_type not in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        return model
    weights = accelerator.get_state_dict(trainer.model_wrapped)  # a collective: every process must call it
    if accelerator.is_main_process:
        with torch.device("meta"):
            gathered = type(model)(model.config)
        gathered.load_state_dict(weights, assign=True)
        gathered.tie_weights()
        if model.can_generate():  # a reward model has no generation_config
            gathered.generation_config = model.generation_config
        return gathered
    return model


def last_intact_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that matches its manifest; newer ones that do not are deleted with a warning."""
    for directory in sorted(folder.glob("checkpoint-*"), key=_step, reverse=True):
        try:
            check_whole(directory)
            return directory
        except (BrokenArtifact, OSError):
            log.warning("%s is incomplete or damaged: deleted it, looking for an older one", directory)
            shutil.rmtree(directory, ignore_errors=True)
    return None


def _keep_good_checkpoints(stop: Stopped, folder: Path, record: Recorder) -> Stopped:
    """Write the curve and the diagnosis, delete the bad checkpoints, and name the good one that remains."""
    for directory in folder.glob("checkpoint-*"):
        if _step(directory) >= stop.since - 1:  # a step logs values of the weights before its update
            shutil.rmtree(directory, ignore_errors=True)
    good = last_intact_checkpoint(folder)
    for file in (record.curve, folder / LIVE_CURVE):  # the next run of the stage overwrites the first
        record.write_curve(file)
    if good is None:
        kept = f"no checkpoint predates that; delete {folder / STOPPED} to run it again anyway"
    else:
        kept = (
            f"last good checkpoint: {good}, a model directory that is kept until you delete it\n"
            f"  delete {folder / STOPPED} to resume from it anyway"
        )
    diagnosis = f"{stop}\n  curve: {folder / LIVE_CURVE}\n  {kept}"
    write_text(folder / STOPPED, diagnosis)
    return Stopped(diagnosis, stop.since)


def _step(directory: Path) -> int:
    return int(directory.name.rpartition("-")[2])
