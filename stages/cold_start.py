"""Cold start: the base, fine-tuned on the small set of readable chains of thought (paper section 2.3.1).

    python stages/cold_start.py cold_start.epochs=3

Writes data/models/cold_start.
"""

from r1.stage import Run, stage


@stage("training", "cold_start")
def main(run: Run) -> None:
    from r1.training.sft import supervised

    supervised(run, base="data/models/base", examples="data/cold_start", settings=run.config.cold_start)


if __name__ == "__main__":
    main()
