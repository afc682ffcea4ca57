"""The control of distillation: the student's own base with RL directly (paper section 4.1).

    python stages/student_rl.py model=student_rl_qwen

Writes data/models/student_rl_<student>. Its compute is no less than the
distillation's: data/metrics/*.json give both as `flops`.
"""

from r1.stage import Run, stage


@stage("training", "rl", "{model}", makes=("student_rl_qwen", "student_rl_llama"))
def main(run: Run) -> None:
    from r1.training.rl import rule_based_rl

    student = run.name.removeprefix("student_rl_")
    rule_based_rl(run, policy=f"data/models/base_{student}", settings=getattr(run.config, run.name))


if __name__ == "__main__":
    main()
