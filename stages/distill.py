"""Distillation: a student's base, fine-tuned on the full SFT set and nothing else (paper section 2.4).

    python stages/distill.py model=distill_qwen

Writes data/models/distill_<student>.
"""

from r1.stage import Run, stage


@stage("training", "{model}", makes=("distill_qwen", "distill_llama"))
def main(run: Run) -> None:
    from r1.training.sft import supervised

    student = run.name.removeprefix("distill_")
    supervised(run, base=f"data/models/base_{student}", examples="data/sft", settings=getattr(run.config, run.name))


if __name__ == "__main__":
    main()
