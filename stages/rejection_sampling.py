"""Rejection sampling: the SFT set, from many samples of the reasoning checkpoint (paper section 2.3.3).

    python stages/rejection_sampling.py engine@rejection_sampling.engine=transformers

Right, readable, single-language completions are kept, general examples added in
R1's proportion. Writes data/sft: examples.parquet, and candidates.parquet with a reason each.
"""

from r1.stage import Run, stage


@stage("rejection_sampling")
def main(run: Run) -> None:
    import time
    from pathlib import Path

    from r1.curation.filters import Candidate, acceptance, as_table, check_kept, select
    from r1.data import read_rows, write_rows
    from r1.models.chat import as_messages
    from r1.sampling import open_sampler

    settings, seed = run.config.rejection_sampling, run.config.seed
    inputs = run.inputs("data/models/reasoning_rl", "data/prompts/rejection.parquet", "data/general/sft.parquet")
    problems = read_rows("data/prompts/rejection.parquet")
    with run.checkpoints(inputs) as checkpoints:
        sampler = open_sampler(Path("data/models/reasoning_rl"), settings.engine, checkpoints)
        started = time.perf_counter()
        drawn = sampler.sample([as_messages(problem["prompt"]) for problem in problems], settings.sampling, seed)
        seconds = time.perf_counter() - started

        candidates = [
            Candidate(problem, completion, "reasoning_rl")
            for problem, completions in zip(problems, drawn, strict=True)
            for completion in completions
        ]
        general_rows = read_rows("data/general/sft.parquet")
        # No more reasoning examples than there are general ones to go with them.
        most = int(len(general_rows) / settings.general_ratio) if settings.general_ratio else None
        reasons = select(candidates, settings.max_paragraph_words, settings.max_kept_per_prompt, most)
        check_kept(reasons)
        reasoning = [
            {"prompt": candidate.problem["prompt"], "completion": candidate.completion.text, "kind": "reasoning"}
            for candidate, reason in zip(candidates, reasons, strict=True)
            if reason == "kept"
        ]
        general = [{"prompt": row["prompt"], "completion": row["chosen"], "kind": "general"} for row in general_rows][
            : round(len(reasoning) * settings.general_ratio)
        ]

        accepted = acceptance(reasons)
        counts = {"reasoning": len(reasoning), "general": len(general), **accepted}
        with run.artifact("data/sft", inputs, counts) as directory:
            write_rows(directory / "examples.parquet", reasoning + general)
            write_rows(directory / "candidates.parquet", as_table(candidates, reasons))
        tokens = sum(candidate.completion.tokens for candidate in candidates)
        metrics = {**counts, "engine": sampler.name, "tokens": tokens, "tokens_per_second": tokens / seconds}
        run.metrics(metrics)
        print(f"rejection sampling with {sampler.name}: {metrics}", flush=True)


if __name__ == "__main__":
    main()
