"""Evaluate a model directory of this project on the problems of `evaluate`; prints a line of JSON.

python -m bench.gpu.score data/models/zero 8
"""

import json
import sys
from pathlib import Path

from r1.evaluation.evaluate import per_problem, sample_problems, summarise_problems
from r1.models.policy import Policy
from r1.pipeline.compose import load
from r1.sampling import open_sampler
from r1.support.tables import read_rows


def main(model: Path, samples: int) -> None:
    """Print pass@1 by family and level."""
    config = load([f"evaluate.sampling.num_samples={samples}"])
    sampler = open_sampler(Policy(model), config.evaluate.engine)
    rows = read_rows("data/prompts/evaluate.parquet")
    table = per_problem(sample_problems(sampler, rows, config.evaluate, config.seed))
    summary = summarise_problems(table, config.evaluate)
    by = {f"{family}, {level}": of["pass_at_1"] for family, levels in summary.items() for level, of in levels.items()}
    print(json.dumps(by))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
