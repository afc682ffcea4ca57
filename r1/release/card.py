"""A model's card: recipe, data, results, limits and licence, from the manifests and metrics of the run that made it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from r1.finished import Finished
from r1.recipe import TRAININGS, model_path
from r1.support.artifacts import MANIFEST, BrokenArtifact, content_hash, read_json, read_manifest

_METHODS = {"pretrain": "pretraining from scratch", "rl": "RL", "sft": "SFT"}
_SECTIONS = {
    "zero": "2.2",
    "cold_start": "2.3.1",
    "reasoning_rl": "2.3.2",
    "sft": "2.3.3",
    "final_rl": "2.3.4",
    "distill": "2.4",
    "student_rl": "4.1",
}
"""Stage -> section of the paper, as in dvc.yaml."""
_SETTINGS = ("max_steps", "epochs", "learning_rate", "batch_size", "num_generations", "temperature", "rewards")
"""Settings of a training that its row shows; the manifest has all."""
_COLUMNS = {"pass_at_1": ("pass@1 [%]", 100), "maj_at_k": ("maj@k [%]", 100), "format_rate": ("format [%]", 100)}
_MIXES = 0.05
"""Share of responses with words in another language from which a card warns of it."""
_NON_COMMERCIAL = {"pku_saferlhf": "CC BY-NC 4.0: not for commercial use"}
"""Adapter -> licence of a data set that restricts the use of what is trained on it."""


def write_card(model: Finished, form: str, context: int | None, stops: Sequence[str]) -> str:
    """The text of README.md, with the YAML head that the hub reads.

    Results are shown only if they were measured on these very weights, by the hashes in the manifests.

    Args:
        model: with its manifest; those of its ancestors and data are read where they are on this machine.
        form: how the weights are stored, such as "bfloat16".
        context: its context window in tokens; None for no limit.
        stops: strings that end a completion beside the stop tokens.
    """
    chain = list(_chain(model))
    base = chain[0]
    checkpoint = _settings(base).get("checkpoint") if TRAININGS[base.name].parent is None else "an unknown base"
    data = list(_data_sets())
    evaluation = _evaluation(model)
    sections = {
        "Recipe": [*_table(("model", "method", "paper, section", "settings"), map(_training, chain))],
        "Data": [*_data(chain), *(f"- {line}" for line, _ in data)],
        "Results": [*_results(model, evaluation)],
        "Limits": [f"- {line}" for line in _limits(model, form, context, stops, evaluation)],
        "Licence": [*_licence(checkpoint, data)],
    }
    title = (
        f"# {model.name}\n\nA model of R1 in miniature, which reproduces the training recipe of DeepSeek-R1 "
        f"([arXiv 2501.12948](https://arxiv.org/abs/2501.12948)). {_size(chain)}Weights in {form}."
    )
    body = (f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items())
    return "\n\n".join((_head(checkpoint), title, *body)) + "\n"


def _head(checkpoint: str | None) -> str:
    head = {"license": _base_licence(checkpoint), "library_name": "transformers", "pipeline_tag": "text-generation"}
    if checkpoint and re.fullmatch(r"[\w.-]+/[\w.-]+", checkpoint) and not checkpoint.endswith(".gguf"):
        head["base_model"] = checkpoint
    return f"---\n{yaml.safe_dump(head, sort_keys=False)}---"


def _chain(model: Finished) -> Iterator[Finished]:
    """The model's ancestors, oldest first, then itself; ends where an ancestor is missing or another by now."""
    parent = TRAININGS[model.name].parent
    if parent is not None:
        directory = Path(model_path(parent))
        manifest = _manifest(directory)
        if manifest is not None and manifest["content"] == model.manifest["inputs"].get(str(directory)):
            yield from _chain(Finished(parent, directory, manifest))
    yield model


def _manifest(artifact: Path) -> dict[str, Any] | None:
    return read_manifest(artifact) if (artifact / MANIFEST).is_file() else None


def _settings(model: Finished) -> dict[str, Any]:
    """The configuration section that trained the model."""
    params: dict[str, Any] = model.manifest["params"]
    found: dict[str, Any] = params.get(TRAININGS[model.name].run) or {}
    return found


def _training(model: Finished) -> list[str]:
    training, settings = TRAININGS[model.name], _settings(model)
    method = _METHODS[training.method]
    if training.method == "rl":
        method = f"RL ({model.manifest['params'].get('rl', {}).get('algorithm', {}).get('name', '?')})"
    if settings.get("checkpoint"):
        method, shown = f"published checkpoint `{settings['checkpoint']}`", ""
    else:
        flat = {**(settings.get("pretraining") or {}), **settings}
        shown = ", ".join(f"{key} {_plain(flat[key])}" for key in _SETTINGS if flat.get(key) is not None)
    return [f"`{model.name}`", method, _SECTIONS.get(training.stage, ""), f"seed {model.manifest['seed']}, {shown}"]


def _plain(value: Any) -> str:
    return " + ".join(f"{name} × {weight}" for name, weight in value.items()) if isinstance(value, dict) else str(value)


def _size(chain: Sequence[Finished]) -> str:
    counted = [found for one in chain if (found := one.manifest["counts"].get("parameters"))]
    return f"{counted[-1]:,} parameters. " if counted else ""


def _data(chain: Sequence[Finished]) -> Iterator[str]:
    """What each training read, with the counts of its manifest."""
    for model in chain:
        for path, digest in model.manifest["inputs"].items():
            artifact = Path(path).parent if Path(path).suffix else Path(path)
            if artifact.parts[:2] == ("data", "models"):
                continue
            manifest = _manifest(artifact)
            whole = Path(path).suffix == "" and manifest is not None
            same = manifest is not None and digest == (manifest["content"] if whole else _hash(Path(path)))
            counts = ", ".join(_counts(manifest)) if manifest and same else ""
            yield f"- `{model.name}`: `{path}`, {counts + ', ' if counts else ''}sha256 `{digest[:12]}`"


def _hash(path: Path) -> str | None:
    try:
        return content_hash(path)
    except BrokenArtifact:
        return None


def _counts(manifest: Mapping[str, Any]) -> Iterator[str]:
    for name, count in manifest["counts"].items():
        if isinstance(count, int | float):
            yield f"{name} {count:.3g}" if isinstance(count, float) else f"{name} {count}"


def _data_sets() -> Iterator[tuple[str, str | None]]:
    """A line for each source of prompts, with the licence that restricts it; from data/prompts, if it is there."""
    manifest = _manifest(Path("data/prompts"))
    prepare = (manifest or {"params": {}})["params"].get("prepare", {})
    families = [name for name, family in prepare.get("families", {}).items() if any(map(family.get, _USES))]
    if families:
        yield f"generated problems: {', '.join(families)}", None
    for kind in ("data_sets", "general_data_sets"):
        for name, data_set in (prepare.get(kind) or {}).items():
            licence = _NON_COMMERCIAL.get(data_set.get("adapter"))
            yield f"`{name}`: `{data_set['path']}` (for {', '.join(data_set['splits'])})", licence


_USES = ("documents", "cold_start", "rl", "rejection")


def _evaluation(model: Finished) -> dict[str, Any] | None:
    """The manifest of the model's evaluation, if these very weights were evaluated."""
    manifest = _manifest(Path(f"data/evaluations/{model.name}"))
    measured = manifest is not None and manifest["inputs"].get(model_path(model.name)) == model.manifest["content"]
    return manifest if measured else None


def _results(model: Finished, evaluation: Mapping[str, Any] | None) -> Iterator[str]:
    if evaluation is None:
        yield "These weights have not been evaluated on the machine that exported them."
        return
    settings = evaluation["params"]["evaluate"]
    sampling, confidence = settings["sampling"], f"{settings['confidence']:.0%}"
    yield (
        f"{sampling['num_samples']} samples per problem at temperature {sampling['temperature']}, top_p "
        f"{sampling['top_p']}, at most {sampling['max_new_tokens']} tokens; mean and {confidence} bootstrap interval "
        "over problems. Measured before the weights were rounded.\n"
    )
    rows = [
        [family, level, *(_estimate(group.get(key), scale) for key, (_, scale) in _COLUMNS.items()), _problems(group)]
        for family, level, group in _groups(model)
        if "pass_at_1" in group
    ]
    yield from _table(("family", "level", *(column for column, _ in _COLUMNS.values()), "problems"), rows)
    report = _manifest(Path("data/report"))
    if report and report["inputs"].get(f"data/evaluations/{model.name}") == evaluation["content"]:
        yield "\nThe paper's claims, tested on the models of the same run:\n"
        claims = read_json(Path("data/metrics/claims.json"))
        yield from _table(
            ("claim", "effect", "interval", "verdict"),
            ([c["claim"], f"{c['effect']:+.3g}", f"[{c['low']:+.3g}, {c['high']:+.3g}]", c["verdict"]] for c in claims),
        )


def _groups(model: Finished) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for family, levels in read_json(Path(f"data/metrics/evaluate/{model.name}.json")).items():
        for level, group in levels.items():
            yield family, level, group


def _estimate(value: Mapping[str, float] | None, scale: int) -> str:
    if value is None:
        return ""
    return f"{value['mean'] * scale:.1f} [{value['low'] * scale:.1f}, {value['high'] * scale:.1f}]"


def _problems(group: Mapping[str, Any]) -> str:
    return str(group["pass_at_1"]["n"])


def _limits(
    model: Finished, form: str, context: int | None, stops: Sequence[str], evaluation: Mapping[str, Any] | None
) -> Iterator[str]:
    yield "It was trained for verifiable problems like those above; on anything else, expect nothing."
    yield "Reasoning that reads well may lead to a wrong answer, and need not be how the answer came about."
    yield "Safety was not evaluated beyond the preference models of the recipe."
    for family, level, group in _groups(model) if evaluation else ():
        if (mixing := group.get("language_mixing")) and mixing["mean"] > _MIXES:
            share = _estimate(mixing, 100)
            yield f"It mixes languages: {share} % of responses on {family} ({level}) have words in another one."
    if context is not None:
        yield f"Its context is {context:,} tokens, prompt and completion together."
    yield f"Weights were rounded to {form}."
    if stops:
        ends = ", ".join(f"`{stop}`" for stop in stops)
        yield f"A completion ends at {ends}: pass it as `stop`, a model file cannot declare it."


def _base_licence(checkpoint: str | None) -> str:
    """Ours for a base from scratch; a local checkpoint's own where its card names one; else `other`."""
    if checkpoint is None:
        return "apache-2.0"
    card = Path(checkpoint).expanduser() / "README.md"
    head = re.match(r"---\n(.*?)^---$", card.read_text(), re.MULTILINE | re.DOTALL) if card.is_file() else None
    read = yaml.safe_load(head[1]) if head else None
    named = read.get("license") if isinstance(read, dict) else None
    return named if isinstance(named, str) else "other"


def _licence(checkpoint: str | None, data: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    if checkpoint is None:
        yield "The base was pretrained from scratch on generated text; weights and generated data are Apache-2.0."
    else:
        yield f"The weights descend from `{checkpoint}` ({_base_licence(checkpoint)}), whose licence applies to them."
    for line, licence in data:
        if line.startswith("`"):
            yield f"- {line}: {licence or 'its own licence applies; see its page'}."


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; no text breaks its cells."""
    for row in (columns, ["---"] * len(columns), *rows):
        yield f"| {' | '.join(' '.join(cell.replace('|', chr(92) + '|').split()) for cell in row)} |"
