"""Prompts with verifiable answers, general prompts, and the corpus that the bases are pretrained on.

    python stages/prepare.py prepare.families.chain_sum.rl=2000

Writes data/prompts/{cold_start,rl,rejection,evaluate}.parquet,
data/general/{sft,preference,rl,evaluate}.parquet and data/corpus/corpus.parquet.
No problem of an evaluation split stands anywhere else; the metrics say so, and
count the rows of data sets that were dropped, by reason. Generated problems are
few words from a small world, so that some share an n-gram by chance: these are
counted (`shared_ngrams`), and kept.
"""

from r1.stage import Run, stage


@stage("prepare")
def main(run: Run) -> None:
    from dataclasses import asdict
    from itertools import chain

    from r1.corpus.build import build_corpus
    from r1.data import write_rows
    from r1.prompts.data_sets import draw_data_sets
    from r1.prompts.decontamination import EvaluationNgrams
    from r1.prompts.general import draw
    from r1.prompts.general_data_sets import draw_general, read_general
    from r1.prompts.sources import hashes
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
    generated = [row["prompt"] for row in chain(*prompts.values(), *general.values(), corpus)]
    ngrams = EvaluationNgrams(settings.decontamination.ngram)
    for row in prompts["evaluate"]:
        ngrams.add(row["family"], [row["prompt"]])
    ngrams.add("general", (row["prompt"] for row in general["evaluate"]))
    trained_on: dict[str, list[str]] = {}
    for name, row in chain(
        ((row["family"], row) for split in ("cold_start", "rl", "rejection") for row in prompts[split]),
        (("general", row) for split in ("sft", "preference", "rl") for row in general[split]),
    ):
        trained_on.setdefault(name, []).append(row["prompt"])
    general_sets = read_general(settings.general_data_sets, generated, seed, ngrams)
    from_files, data_sets = draw_data_sets(settings.data_sets, generated, seed, ngrams)
    general_from_files, general_data_sets = draw_general(settings.general_data_sets, general_sets, seed, ngrams)
    shared_ngrams = {name: ngrams.count(asked) for name, asked in trained_on.items()}
    for split, rows in from_files.items():
        prompts[split] += rows
    for general_split, rows in general_from_files.items():
        general[general_split] += rows
    sources, general_sources = (
        {
            file: digest
            for name, source in sets.items()
            for file, digest in hashes(f"prepare.{key}.{name}", source).items()
        }
        for key, sets in (("data_sets", settings.data_sets), ("general_data_sets", settings.general_data_sets))
    )

    for target, inputs, files in (
        ("data/prompts", sources, prompts),
        ("data/general", general_sources, general),
        ("data/corpus", {}, {"corpus": corpus}),
    ):
        with run.artifact(target, inputs, counts={name: len(rows) for name, rows in files.items()}) as directory:
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
            "data_sets": data_sets,
            "general_data_sets": general_data_sets,
            "shared_ngrams": {"n": ngrams.n, "generated": shared_ngrams},
        }
    )


if __name__ == "__main__":
    main()
