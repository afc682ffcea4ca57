"""Evaluate a model directory of this project on the problems of `evaluate`; prints a line of JSON.

python -m bench.gpu.score data/models/zero 8
"""

import json
import sys
from pathlib import Path

from r1.evaluation.evaluate import per_problem, sample_problems
from r1.evaluation.statistics import estimate
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
    by = {
        f"{family}, {level}": estimate(of["pass_at_1"], config.evaluate.bootstrap_resamples, 0.95)
        for (family, level), of in table.groupby(["family", "level"], sort=False)
    }
    print(json.dumps(by))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
