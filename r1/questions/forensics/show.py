"""`python -m r1 forensics MODEL --base BASE`: the question's features and verdicts for two model directories."""

from pathlib import Path

import pandas as pd
from rich.table import Table

from r1.config.evaluation import EvaluateConfig
from r1.models.loading import find_checkpoint
from r1.models.policy import Policy
from r1.questions.forensics.behaviour import behaviour
from r1.questions.forensics.causes import WATCHED
from r1.questions.forensics.detectors import left_out, transferred
from r1.questions.forensics.names import ENTROPY, OURS, READS, STYLE, WEIGHTS
from r1.questions.forensics.settings import Settings
from r1.questions.forensics.weights import difference
from r1.questions.lab import by_level, sampled
from r1.reporting.terminal import SafeConsole, empty_table, safe
from r1.support.artifacts import check_whole
from r1.support.errors import UserError
from r1.support.tables import read_rows

_ARMS = Path("data/questions/forensics/arms")


def show_forensics(model: Path, base: Path, settings: Settings, config: EvaluateConfig) -> None:
    """Print a model's features, beside its base's, and what each detector says of them.

    Detectors learn from the models of the question's arm `cause`, if it has run; their accuracy is that on seeds left
    out.

    Args:
        model: its directory.
        base: directory of the model that it started from.
        settings: the question's; its evaluation problems are asked.
        config: how the models are sampled.

    Raises:
        UserError: if a directory is no model with safetensors and a chat template, or the models are not of one
            architecture, or equal.
    """
    console = SafeConsole(highlight=False)
    weights = difference(model, base)
    ours, theirs = (_found(directory) for directory in (model, base))
    rows = by_level(read_rows(settings.inputs.evaluate), settings.cause.problems)
    after, before = (
        behaviour(policy, sampled(config, policy, rows, WATCHED, num_samples=settings.cause.samples))
        for policy in (ours, theirs)
    )
    table = empty_table(("feature",), ("base", "model"), title=f"{model} and its base {base}")
    for name, title in WEIGHTS.items():
        table.add_row(safe(title), "", f"{weights[name]:.3f}")
    for name, title in (STYLE | ENTROPY).items():
        table.add_row(safe(title), f"{before[name]:.3f}", f"{after[name]:.3f}")
    console.print(table)
    known = known_models(settings)
    if known is None:
        console.print(
            safe("no verdicts: detectors learn from models that `dvc repro experiments/forensics/dvc.yaml` makes")
        )
        return
    features = pd.DataFrame([weights | {name: after[name] - before[name] for name in after}])
    console.print(_verdicts(features, known))
    console.print(
        safe(
            "Accuracy is that on the question's own models, of seeds left out. A detector names the nearest making "
            "that it knows, even if the model was made in another way, from another base or at another size."
        )
    )


def known_models(settings: Settings) -> "pd.DataFrame | None":
    """Models of the arm `cause`, all seeds; None unless two seeds have run."""
    tables = []
    for seed in settings.seeds:
        folder = _ARMS / f"cause-{seed}"
        if folder.is_dir():
            check_whole(folder)
            tables.append(pd.read_parquet(folder / "models.parquet").assign(seed=seed))
    if len(tables) < 2:
        return None
    models = pd.concat(tables, ignore_index=True)
    return models[models["source"] == OURS].reset_index(drop=True)


def _verdicts(features: pd.DataFrame, known: pd.DataFrame) -> Table:
    by_rl = known[known["method"] == "rl"].reset_index(drop=True)
    table = empty_table(("what made it", "features", "verdict"), ("accuracy",), title="Detectors")
    asked = (("SFT or RL", "method", known), ("the making", "model", known), ("the reward, if RL", "model", by_rl))
    for title, label, models in asked:
        for read, columns in READS.items():
            (verdict,) = transferred(models, features, columns, label)
            right = left_out(models, columns, label) == models[label]
            table.add_row(title, read, safe(verdict), f"{right.sum()} of {len(right)}")
    return table


def _found(directory: Path) -> Policy:
    policy = Policy(find_checkpoint(str(directory)))
    try:
        policy.model_type  # noqa: B018  # reads config.json
    except Exception as error:  # in as many types as there are mistakes
        raise UserError(f"{directory} cannot be loaded: {str(error).splitlines()[0]}") from error
    return policy
