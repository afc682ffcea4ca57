"""The smoke DAG three times: twice with one seed, once with another; are the outputs the same bytes?

    python -m bench.determinism

Each run has a directory of its own. What the clock decides, data/metrics/throughput
and data/plots/throughput, is left out. Prints the hashes as Markdown; exit code 1
if two runs of one seed differ, or if another seed changes no model.
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
        # Not DVC's hash, which is of the manifest too, and that names the seed.
        contents = [[read_manifest(run.root / path)["content"] for path in models] for run in runs]
    print("| output | seed 17 | seed 17 again | seed 18 |\n|---|---|---|---|")
    for path in first:
        print(f"| {path} | " + " | ".join(run.get(path, "missing")[:12] for run in (first, second, other)) + " |")
    differ = [path for path in first.keys() | second.keys() if first.get(path) != second.get(path)]
    changed = sum(one != another for one, another in zip(contents[0], contents[2], strict=True))
    print(f"\n{len(first)} outputs, with the seed the same {len(differ)} differ {differ or ''};", end=" ")
    print(f"with another seed the contents of {changed} of {len(models)} models do")
    return 0 if not differ and changed == len(models) else 1


if __name__ == "__main__":
    sys.exit(main())
