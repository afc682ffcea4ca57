"""`python -m r1 export`: write a model of the recipe for use elsewhere, and push it to the hub where asked."""

import logging
from pathlib import Path

import torch

from r1.finished import Finished, find_model
from r1.models.loading import load_model, load_tokenizer, save
from r1.models.policy import Policy
from r1.release.card import write_card
from r1.release.form import CannotExport, DtypeName, Format, check_finite
from r1.release.gguf import write_gguf
from r1.support.artifacts import check_whole, write_aside

log = logging.getLogger(__name__)


def export(name: str, to: Path, form: Format, dtype: DtypeName, push: str | None) -> list[Path]:
    """Write a model directory, or a folder with a GGUF file, with a model card.

    Args:
        name: of a model, such as `r1`.
        to: folder, which must not exist or be empty; written in one piece.
        form: `directory` is for transformers and vLLM, `gguf` for llama.cpp.
        dtype: of the weights.
        push: hub repository, OWNER/NAME, to which the folder is uploaded too; created as private.

    Returns:
        The files written.

    Raises:
        NoSuchModel: if there is no such model.
        BrokenArtifact: if its files are not those that its stage wrote.
        CannotExport: if the folder is in use, or the weights, tokenizer or architecture do not fit the form.
    """
    model = find_model(name)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise CannotExport(f"--to {to}: exists and is not empty; choose another folder")
    check_whole(model.directory)
    policy = Policy(model.directory)
    try:
        with write_aside(to) as folder:
            if form == "gguf":
                write_gguf(model, folder / f"{model.name}-{dtype}.gguf", dtype)
            else:
                _write_directory(model, folder, dtype)
            card = write_card(model, dtype, policy.context_length, policy.stop_strings)
            (folder / "README.md").write_text(card)
            for file in folder.iterdir():  # safetensors files are for their owner alone, these are to be passed on
                file.chmod((folder / "README.md").stat().st_mode)
    except OSError as error:
        raise CannotExport(f"--to {to}: {error}") from error
    if push is not None:
        _push(to, push)
    return sorted(to.iterdir())


def _write_directory(model: Finished, folder: Path, dtype: DtypeName) -> None:
    loaded = load_model(model.directory, dtype=getattr(torch, dtype))
    check_finite(model.name, loaded.state_dict(), dtype)
    save(loaded, load_tokenizer(model.directory), folder)


def _push(folder: Path, repository: str) -> None:
    """Upload a folder with the user's own login on the hub.

    Raises:
        CannotExport: if the hub refuses; the folder stays.
    """
    from huggingface_hub import HfApi

    try:
        api = HfApi()
        api.create_repo(repository, private=True, exist_ok=True)
        link = api.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"Upload {folder.name}")
    except Exception as error:  # from the hub or the network, in as many types as libraries below
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CannotExport(f"--push {repository}: {reason}; the folder {folder} is written") from error
    log.info("pushed to %s", link)
