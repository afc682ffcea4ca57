"""Second SFT: the base again, on the rejection-sampled and general data (paper section 2.3.3).

    python stages/sft.py sft.learning_rate=5e-4

Writes data/models/sft.
"""

from r1.stage import Run, stage


@stage("training", "sft")
def main(run: Run) -> None:
    from r1.training.sft import supervised

    supervised(run, base="data/models/base", examples="data/sft", settings=run.config.sft)


if __name__ == "__main__":
    main()
