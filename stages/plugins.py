"""Which stage uses which plug-in, and the hash of each: a change in one re-runs the stages that use it.

    python stages/plugins.py plugins=my_folder

Imports every plug-in that the configuration names, so that one which cannot work is known before anything is trained.
Writes data/plugins/<stage>.json for every stage that may use some.
"""

from dataclasses import dataclass

from r1.config.data import PrepareConfig
from r1.config.evaluation import EvaluateConfig
from r1.config.finetuning import ColdStartDataConfig, RejectionSamplingConfig
from r1.config.rl import FinalRlConfig, RlConfig, RlStageConfig
from r1.pipeline.run import Run, Sections
from r1.pipeline.stage import stage


@dataclass(frozen=True)
class Reads(Sections):
    """What this stage reads of the configuration."""

    plugins: str
    prepare: PrepareConfig
    rl: RlConfig
    zero: RlStageConfig
    cold_start_data: ColdStartDataConfig
    reasoning_rl: RlStageConfig
    rejection_sampling: RejectionSamplingConfig
    final_rl: FinalRlConfig
    student_rl_qwen: RlStageConfig
    student_rl_llama: RlStageConfig
    evaluate: EvaluateConfig


@stage(Reads)
def main(run: Run[Reads]) -> None:
    from pathlib import Path

    from r1.pipeline.plugins import write_uses

    write_uses(run.config.plugins, run.config, Path("data/plugins"))


if __name__ == "__main__":
    main()
