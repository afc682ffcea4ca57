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


def main() -> int:
    """Run and compare."""
    with tempfile.TemporaryDirectory() as directory:
        first, second, other = (
            Project(Path(directory, name), f"seed={seed}").expected
            for name, seed in (("first", 17), ("second", 17), ("other", 18))
        )
    print("| output | seed 17 | seed 17 again | seed 18 |\n|---|---|---|---|")
    for path in first:
        print(f"| {path} | " + " | ".join(run.get(path, "missing")[:12] for run in (first, second, other)) + " |")
    differ = [path for path in first.keys() | second.keys() if first.get(path) != second.get(path)]
    models = [path for path in first if path.startswith("data/models/")]
    changed = [path for path in models if first[path] != other[path]]
    print(
        f"\n{len(first)} outputs, {len(differ)} differ with the seed the same: {', '.join(differ) or 'none'}; ", end=""
    )
    print(f"with another seed {len(changed)} of {len(models)} models do")
    return 0 if not differ and len(changed) == len(models) else 1


if __name__ == "__main__":
    sys.exit(main())
