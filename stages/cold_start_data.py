"""The cold-start set: long, readable chains of thought in one language (paper section 2.3.1).

    python stages/cold_start_data.py cold_start_data.max_examples=100

Sampled from R1-Zero and from the base with worked examples in the prompt,
filtered by verifier and readability, rewritten into reasoning and summary.
Writes data/cold_start: examples.parquet, and candidates.parquet with a reason each.
"""

from r1.stage import Run, stage


@stage("cold_start_data")
def main(run: Run) -> None:
    import time
    from pathlib import Path

    from r1.curation.cold_start import with_few_shot
    from r1.curation.filters import Candidate, acceptance, as_table, check_kept, rewrite, select
    from r1.data import read_rows, write_rows
    from r1.models.chat import as_messages
    from r1.sampling import open_sampler

    settings, seed = run.config.cold_start_data, run.config.seed
    inputs = run.inputs("data/models/zero", "data/models/base", "data/prompts/cold_start.parquet")
    problems = read_rows("data/prompts/cold_start.parquet")
    conversations = {
        "zero": [as_messages(problem["prompt"]) for problem in problems],
        "base": [with_few_shot(problem["prompt"], settings.few_shot) for problem in problems],
    }

    with run.checkpoints(inputs) as checkpoints:
        sampled, started = [], time.perf_counter()
        for model, asked in conversations.items():
            sampler = open_sampler(Path(f"data/models/{model}"), settings.engine, checkpoints)
            drawn = sampler.sample(asked, settings.sampling, seed)
            sampler.close()  # the next model needs its room
            sampled.append(
                [
                    [Candidate(problem, completion, model) for completion in completions]
                    for problem, completions in zip(problems, drawn, strict=True)
                ]
            )
        seconds = time.perf_counter() - started
        # Problem by problem, the two sources in turn, so that neither crowds out the other.
        candidates = [
            candidate
            for of_problem in zip(*sampled, strict=True)
            for pair in zip(*of_problem, strict=True)
            for candidate in pair
        ]

        reasons = select(candidates, settings.max_paragraph_words, settings.max_kept_per_prompt, settings.max_examples)
        check_kept(reasons)
        examples = [
            {"prompt": candidate.problem["prompt"], "completion": rewrite(candidate.completion.text)}
            for candidate, reason in zip(candidates, reasons, strict=True)
            if reason == "kept"
        ]
        accepted = acceptance(reasons)
        with run.artifact("data/cold_start", inputs, counts={"examples": len(examples), **accepted}) as directory:
            write_rows(directory / "examples.parquet", examples)
            write_rows(directory / "candidates.parquet", as_table(candidates, reasons))
        tokens = sum(candidate.completion.tokens for candidate in candidates)
        run.metrics(
            {**accepted, "engine": settings.engine.name, "tokens": tokens, "tokens_per_second": tokens / seconds}
        )


if __name__ == "__main__":
    main()
