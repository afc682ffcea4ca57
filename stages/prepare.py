"""Prompts with verifiable answers, general prompts, and the corpus that the bases are pretrained on.

    python stages/prepare.py prepare.families.chain_sum.rl=2000

Writes data/prompts/{cold_start,rl,rejection,evaluate}.parquet,
data/general/{sft,preference,rl,evaluate}.parquet and data/corpus/corpus.parquet.
No problem of an evaluation split stands anywhere else; the metrics say so.
"""

from r1.stage import Run, stage


@stage("prepare")
def main(run: Run) -> None:
    from dataclasses import asdict

    from r1.corpus.build import build_corpus
    from r1.data import write_rows
    from r1.prompts.general import draw
    from r1.prompts.splits import GENERAL_BUCKETS, as_row, contamination, draw_problems

    settings, seed = run.config.prepare, run.config.seed

    prompts = {
        split: [
            as_row(problem, name, family)
            for name, family in settings.families.items()
            for problem in draw_problems(name, family, split, getattr(family, split), seed)
        ]
        for split in ("cold_start", "rl", "rejection", "evaluate")
    }
    general = {
        split: [asdict(prompt) for prompt in draw(GENERAL_BUCKETS[split], getattr(settings.general, split), seed)]
        for split in ("sft", "preference", "rl", "evaluate")
    }
    corpus = build_corpus(settings, seed)

    for target, files in (("data/prompts", prompts), ("data/general", general), ("data/corpus", {"corpus": corpus})):
        with run.artifact(target, inputs={}, counts={name: len(rows) for name, rows in files.items()}) as directory:
            for name, rows in files.items():
                write_rows(directory / f"{name}.parquet", rows)

    evaluation = [row["prompt"] for row in prompts["evaluate"] + general["evaluate"]]
    training = [
        row["prompt"]
        for rows in (*prompts.values(), *general.values(), corpus)
        if rows is not prompts["evaluate"] and rows is not general["evaluate"]
        for row in rows
    ]
    run.metrics(
        {
            "contamination": contamination(evaluation, training),
            "problems": {split: len(rows) for split, rows in prompts.items()},
            "general": {split: len(rows) for split, rows in general.items()},
            "documents": len(corpus),
        }
    )


if __name__ == "__main__":
    main()
