"""Determinism of the smoke DAG: two runs with the same seed must give the same bytes, a third seed other models.

    python -m bench.determinism

Each run has its own directory. Clock-dependent outputs, data/metrics/throughput and
data/plots/throughput, are left out. Prints the hashes as Markdown; exit code 1 if the
runs with the same seed differ, or if a model does not change with the seed.
"""

import sys
import tempfile
from pathlib import Path

from bench.project import Project
from r1.support.artifacts import read_manifest


def main() -> int:
    """Run and compare."""
    with tempfile.TemporaryDirectory() as directory:
        runs = [Project(Path(directory, name), f"seed={seed}") for name, seed in (("a", 17), ("b", 17), ("c", 18))]
        first, second, other = (run.expected for run in runs)
        models = [path for path in first if path.startswith(("data/models/", "data/reward_models/"))]
        # Not DVC's hash: it covers the manifest, which contains the seed.
        contents = [[read_manifest(run.root / path)["content"] for path in models] for run in runs]
    print("| output | seed 17 | seed 17 again | seed 18 |\n|---|---|---|---|")
    for path in first:
        print(f"| {path} | " + " | ".join(run.get(path, "missing")[:12] for run in (first, second, other)) + " |")
    differ = [path for path in first.keys() | second.keys() if first.get(path) != second.get(path)]
    changed = sum(one != another for one, another in zip(contents[0], contents[2], strict=True))
    print(f"\n{len(first)} outputs; with the same seed {len(differ)} differ {differ or ''};", end=" ")
    print(f"with another seed {changed} of {len(models)} models differ")
    return 0 if not differ and changed == len(models) else 1


if __name__ == "__main__":
    sys.exit(main())
