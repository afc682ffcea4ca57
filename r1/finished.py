"""Models that the recipe has made on this machine, found by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from r1.recipe import MODELS, TRAININGS, model_path
from r1.support.artifacts import MANIFEST, read_manifest
from r1.support.errors import UserError


class NoSuchModel(UserError):
    """No model of the recipe has that name, or it has not been made yet."""


@dataclass(frozen=True)
class Finished:
    """A model's artifact.

    Attributes:
        name: as in `r1.recipe.MODELS`.
        directory: an ordinary Hugging Face model directory.
        manifest: its origin.
    """

    name: str
    directory: Path
    manifest: dict[str, Any]


def find_model(name: str) -> Finished:
    """Find a model by its name, or by that of the stage that makes no other (`final_rl` makes `r1`).

    Raises:
        NoSuchModel: if the recipe has no such model, or it has not been made: names the stage that makes it.
        BrokenArtifact: if its manifest cannot be read.
    """
    made = [model for model in MODELS if TRAININGS[model].stage == name]
    model = made[0] if len(made) == 1 else name
    if model not in MODELS:
        raise NoSuchModel(f"no model is named {name!r}; models: {', '.join(made or MODELS)}")
    directory = Path(model_path(model))
    if not (directory / MANIFEST).is_file():
        there = [other for other in MODELS if (Path(model_path(other)) / MANIFEST).is_file()]
        raise NoSuchModel(
            f"{model} has not been made yet: `dvc repro {TRAININGS[model].stage}` makes it; made: "
            f"{', '.join(there) or 'none'}"
        )
    return Finished(model, directory, read_manifest(directory))
