"""A published checkpoint on published benchmarks with the paper's sampling, beside its published scores.

    python -m r1 compose profile=gpu reference.checkpoint=deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B
    python stages/reference.py

No other stage needs to run before: it downloads the checkpoint and the benchmarks. Writes data/reference/<checkpoint>
with every completion (samples.parquet), summary.json and comparison.md.
"""

from dataclasses import dataclass

from r1.config.data import PrepareConfig
from r1.config.evaluation import EvaluateConfig, ReferenceConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    prepare: PrepareConfig
    evaluate: EvaluateConfig
    reference: ReferenceConfig


@stage(Reads, samples=True)
def main(run: Run[Reads]) -> None:
    import logging
    from pathlib import Path

    from r1.evaluation.reference import SUMMARY, measure, read_benchmarks
    from r1.models.loading import find_checkpoint
    from r1.models.policy import Policy
    from r1.reporting.reference import render_reference
    from r1.support.artifacts import content_hash
    from r1.support.errors import UserError

    config, checkpoint = run.config, run.config.reference.checkpoint
    if checkpoint is None:
        raise UserError("reference.checkpoint = None: give a hub id or a model directory; docs/reference_figures.md")
    benchmarks, inputs = read_benchmarks(config.prepare, config.reference, config.seed)
    directory = find_checkpoint(checkpoint)
    inputs[checkpoint] = content_hash(directory)
    target = f"data/reference/{Path(checkpoint).name}"
    with run.checkpoints(inputs) as checkpoints:
        done = measure(Policy(directory), benchmarks, config.reference, config.evaluate, config.seed, checkpoints)
        with run.artifact(target, inputs, done.counts, f"{target}/{SUMMARY}") as made:
            done.save(made)
            rows = render_reference(checkpoint, done.summary, config.reference, config.evaluate.confidence, made)
    for row in rows:
        logging.getLogger("r1").info("%(benchmark)s: lenient pass@1 %(lenient)s, published %(published)s", row)


if __name__ == "__main__":
    main()
