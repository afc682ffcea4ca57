"""Training in two processes compared with training in one.

    python -m bench.processes           # a few minutes on two cores

Runs the stages' training functions on a base of smoke size with `accelerate launch`, in two single-threaded processes
over gloo, and compares the first steps with those of one process: losses, gradients and final weights. RL rollouts are
sampled from the current policy with random numbers tied to the row within the round (tests/training/launched.py), so
that one process and two get the same prompts and completions. Free sampling, where each process draws independently,
is compared by the mean reward over several seeds. Prints Markdown.
"""

import statistics
import tempfile
from pathlib import Path

from tests.training.launched import launched

STEPS = 8
SEEDS = range(1, 10)


def compare(kind: str, model: Path, folder: Path) -> None:
    """Print a row per step, and the largest difference of the final weights."""
    alone, weights, _ = launched(1, kind, model, folder / f"{kind}-1", steps=STEPS)
    both, weights_of_both, _ = launched(2, kind, model, folder / f"{kind}-2", steps=STEPS)
    print(f"\n## {kind}\n\n| step | loss, 1 process | loss, 2 | difference | gradient norm, 1 | 2 | reward, 1 | 2 |")
    print("|---|---|---|---|---|---|---|---|")
    for one, two in zip(alone, both, strict=True):
        rewards = " | ".join(f"{row['reward']:.7f}" if "reward" in row else "" for row in (one, two))
        print(
            f"| {one['step']} | {one['loss']:.8f} | {two['loss']:.8f} | {abs(one['loss'] - two['loss']):.1e} | "
            f"{one['grad_norm']:.6f} | {two['grad_norm']:.6f} | {rewards} |"
        )
    largest = max(abs(one["loss"] - two["loss"]) for one, two in zip(alone, both, strict=True))
    apart = max(float((values - weights_of_both[name]).abs().max()) for name, values in weights.items())
    print(f"\nLargest difference of a loss {largest:.1e}, of a weight after {STEPS} steps {apart:.1e}.", flush=True)


def compare_freely(model: Path, folder: Path) -> None:
    """Print the mean reward over all steps for several seeds, with free sampling."""
    print("\n## grpo, sampled freely\n\n| processes | mean reward by seed | mean |\n|---|---|---|")
    for processes in (1, 2):
        means = []
        for seed in SEEDS:
            out = folder / f"free-{processes}-{seed}"
            rows, _, _ = launched(processes, "grpo", model, out, steps=STEPS, seed=seed, shared=False)
            means.append(statistics.mean(row["reward"] for row in rows))
        shown = ", ".join(f"{mean:.4f}" for mean in means)
        spread = statistics.stdev(means)
        print(f"| {processes} | {shown} | {statistics.mean(means):.4f} (deviation {spread:.4f}) |", flush=True)


def make_base(folder: Path) -> Path:
    """Save a base of smoke size with random weights from a fixed seed."""
    from r1.data.corpus import build_corpus
    from r1.models.loading import from_scratch, save
    from r1.models.tokenizer import train_tokenizer
    from tests.conftest import compose

    config = compose("profile=smoke")
    texts = [row["text"] for row in build_corpus(config.prepare, config.seed)][:1000]
    tokenizer = train_tokenizer(texts, 512, "r1_zero_short")
    assert config.base.architecture is not None
    save(from_scratch(config.base.architecture, tokenizer, seed=0), tokenizer, folder)
    return folder


def main() -> None:
    """Run all comparisons in a temporary folder."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        model = make_base(folder / "base")
        print("# `python -m bench.processes`")
        for kind in ("sft", "grpo"):
            compare(kind, model, folder)
        compare_freely(model, folder)


if __name__ == "__main__":
    main()
