"""What each correction of the mismatch between vLLM and the trainer does to learning.

    python -m bench.mismatch                              # the miniature, some three quarters of an hour on two cores
    python -m bench.mismatch --lag 8                      # vLLM's weights up to 8 steps old: a large mismatch
    python -m bench.mismatch --profile smoke --steps 3 --seeds 1    # minutes: does it run?

Trains R1-Zero's first steps from one base, which it pretrains first, with every `rl/correction` and several seeds:
the trainer in float32, colocated vLLM in bfloat16. Rollouts drawn by the trainer itself are the control: they have no
mismatch. With --lag vLLM gets the weights at every n-th step only, as in asynchronous RL. Each run is a process of its
own; finished ones are kept in --work and not repeated. Prints Markdown.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from r1.config.recipe import Config
from r1.pipeline.compose import compose, validate

ROOT = Path(__file__).parent.parent
CONTROL = "transformers"
CHOICES = (CONTROL, "off", "token_truncate", "token_mask", "sequence_truncate", "sequence_mask")
PROBLEMS = 64
CURVES = ("kl", "ratio_p01", "ratio_p99", "sequence_ratio_p01", "sequence_ratio_p99", "capped_share", "weight_mean")


def configuration(profile: str, choice: str, steps: int) -> Config:
    """The profile's configuration with one choice, evaluated at the end on held-back problems."""
    rollout = (
        ["rollout=transformers"]
        if choice == CONTROL
        else ["rollout=vllm", "rl.rollout.dtype=bfloat16", f"rl/correction={choice}"]
    )
    no_guard = ["rl.max_sampler_kl=1000", "rl.patience=1000"]  # a large mismatch is what is measured
    own = [*no_guard, f"zero.max_steps={steps}", f"rl.validation_steps={steps}", f"rl.validation_problems={PROBLEMS}"]
    return validate(compose([f"profile={profile}", *rollout, *own], ROOT / "conf"))


def name_of(choice: str, seed: int, steps: int, lag: int) -> str:
    """Of a run's files; the control has no lag."""
    return f"{choice}-{seed}-{steps}-{1 if choice == CONTROL else lag}"


def make_base(profile: str, folder: Path) -> None:
    """Pretrain the profile's base, and write the RL prompts beside it."""
    from r1.data.prepare import prepare
    from r1.finetuning.pretrain import pretrain
    from r1.models.policy import Untrained
    from r1.models.tokenizer import train_tokenizer
    from r1.training.context import TrainingContext

    config = configuration(profile, CONTROL, 1)
    prepared, settings = prepare(config.prepare, config.seed), config.base.pretraining
    assert settings is not None and config.base.architecture is not None and config.base.chat_template is not None
    texts = [row["text"] for row in prepared.corpus]
    tokenizer = train_tokenizer(texts, settings.vocab_size, config.base.chat_template)
    context = TrainingContext(config.seed, folder / "base.csv", folder / "base-checkpoints")
    pretrain(Untrained(config.base.architecture, tokenizer, config.seed), texts, settings, context).save(
        folder / "base"
    )
    (folder / "rl.json").write_text(json.dumps(prepared.prompts["rl"]))


def send_weights_seldom(lag: int) -> None:
    """Let TRL's colocated vLLM have the trainer's weights at every n-th transfer only, the first included."""
    from trl.generation.vllm_generation import VLLMGeneration

    send, asked = VLLMGeneration.sync_weights, count()

    def seldom(generation: Any) -> None:
        if next(asked) % lag == 0:
            send(generation)

    VLLMGeneration.sync_weights = seldom


def run(profile: str, choice: str, seed: int, steps: int, lag: int, folder: Path) -> None:
    """Train once, and write what the table needs."""
    import pandas as pd

    from r1.models.policy import Policy
    from r1.rl.settings import RlSettings
    from r1.rl.train import train_on_rules
    from r1.rl.validation import SCORE
    from r1.training.context import TrainingContext

    if lag > 1 and choice != CONTROL:
        send_weights_seldom(lag)
    config, name = configuration(profile, choice, steps), name_of(choice, seed, steps, lag)
    context = TrainingContext(seed, folder / f"{name}.csv", folder / f"{name}-checkpoints")
    rows = json.loads((folder / "rl.json").read_text())
    trained = train_on_rules(Policy(folder / "base"), rows, RlSettings(config.zero, config.rl), context)
    curve = pd.read_csv(folder / f"{name}.csv")
    found = {
        "reward": float(curve["reward"].mean()),
        "last": float(curve["reward"].iloc[-max(1, len(curve) // 5) :].mean()),
        "pass": float(curve[SCORE].iloc[-1]),
        "seconds": trained.metrics["seconds"],
        **{key: float(curve[f"sampler/{key}"].mean()) for key in CURVES if f"sampler/{key}" in curve},
    }
    (folder / f"{name}.json").write_text(json.dumps(found))


def table(results: dict[str, list[dict[str, Any]]], steps: int) -> list[str]:
    """Markdown rows: learning by choice, then the mismatch."""

    def shown(choice: str, key: str, digits: int = 3) -> str:
        values = [row[key] for row in results[choice] if key in row]
        if not values:
            return ""
        spread = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
        return f"{statistics.mean(values):.{digits}f}{spread}"

    lines = [
        f"| `rl/correction` | reward, mean of {steps} steps | reward, last fifth | pass@1 after training | seconds |",
        "|---|---|---|---|---|",
        *(
            f"| {choice} | {shown(choice, 'reward')} | {shown(choice, 'last')} | {shown(choice, 'pass')} | "
            f"{shown(choice, 'seconds', 0)} |"
            for choice in CHOICES
        ),
        "",
        "| `rl/correction` | KL, nats per token | token ratio, 1st and 99th percentile | sequence ratio | capped share "
        "| mean weight |",
        "|---|---|---|---|---|---|",
    ]
    for choice in CHOICES[1:]:
        ratios = [f"{shown(choice, f'{of}_p01')} to {shown(choice, f'{of}_p99')}" for of in ("ratio", "sequence_ratio")]
        lines.append(
            f"| {choice} | {shown(choice, 'kl', 6)} | {' | '.join(ratios)} | {shown(choice, 'capped_share', 5)} | "
            f"{shown(choice, 'weight_mean', 4)} |"
        )
    return lines


def verdict(results: dict[str, list[dict[str, Any]]]) -> list[str]:
    """A line per choice: its difference to `off`, seed by seed, with t's 95 % interval."""
    from scipy.stats import t

    lines = []
    for choice in (CONTROL, *CHOICES[2:]):
        for key, what in (("last", "reward in the last fifth"), ("pass", "pass@1")):
            apart = [row[key] - other[key] for row, other in zip(results[choice], results["off"], strict=True)]
            if len(apart) < 2:
                continue
            reach = float(t.ppf(0.975, len(apart) - 1)) * statistics.stdev(apart) / len(apart) ** 0.5
            low, high = statistics.mean(apart) - reach, statistics.mean(apart) + reach
            says = "no difference seen" if low <= 0 <= high else "better" if low > 0 else "worse"
            lines.append(
                f"- {choice} minus off, {what}: {statistics.mean(apart):+.3f} [{low:+.3f}, {high:+.3f}]: {says}"
            )
    return lines


def main() -> None:
    """Run what is missing in --work, then print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--profile", default="miniature", choices=["miniature", "smoke"])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lag", type=int, default=1, help="steps between transfers of weights to vLLM")
    parser.add_argument("--work", type=Path, help="folder of finished runs, which are not repeated")
    parser.add_argument("--cell", nargs=2, metavar=("CHOICE", "SEED"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cell:
        run(given.profile, given.cell[0], int(given.cell[1]), given.steps, given.lag, given.work)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)

        def file_of(choice: str, seed: int) -> Path:
            return folder / f"{name_of(choice, seed, given.steps, given.lag)}.json"

        if not (folder / "rl.json").exists():
            make_base(given.profile, folder)
        own = ["--profile", given.profile, "--steps", str(given.steps), "--lag", str(given.lag), "--work", str(folder)]
        seeds = range(1, given.seeds + 1)
        for seed in seeds:
            for choice in CHOICES:
                if not file_of(choice, seed).exists():
                    cell = [sys.executable, "-m", "bench.mismatch", *own, "--cell", choice, str(seed)]
                    subprocess.run(cell, cwd=ROOT, check=True, stdout=sys.stderr)
        results = {choice: [json.loads(file_of(choice, seed).read_text()) for seed in seeds] for choice in CHOICES}
        command = f"python -m bench.mismatch --steps {given.steps} --seeds {given.seeds} --lag {given.lag}"
        print(f"# `{command}`, profile {given.profile}\n")
        print(f"Mean ± standard deviation over {given.seeds} seeds; `{CONTROL}`: rollouts of the trainer's own.\n")
        print("\n".join([*table(results, given.steps), "", *verdict(results)]))


if __name__ == "__main__":
    main()
