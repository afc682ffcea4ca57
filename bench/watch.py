"""What the watch page costs: CPU time of its server while a page polls this project's state, as the page does.

python -m bench.watch              CPU milliseconds per poll, and the share of one core that a page takes
"""

import time
from pathlib import Path

from r1.watch.rollouts import Query, Rollouts
from r1.watch.state import Project

POLLS = 200
EVERY = 2.0
"""Seconds between two polls of a page."""


def main() -> None:
    """Print CPU time of the state alone, and with the curve and the rollouts that a new step adds to a poll."""
    project, rollouts = Project(Path()), Rollouts(Path())
    run = next(stage.run for stage in project.graph()[0] if stage.curve)
    source = next(iter(rollouts.sources()), "")
    for name, whole in (("nothing new", False), ("curves and rollouts too", True)):
        started = time.process_time()
        for _ in range(POLLS):
            project.state()
            rollouts.sources()
            if whole:
                project.curve(run)
                rollouts.find(source, Query())
        spent = (time.process_time() - started) / POLLS
        print(f"{name}: {1000 * spent:.1f} ms of CPU per poll, {100 * spent / EVERY:.2f} % of one core", flush=True)


if __name__ == "__main__":
    main()
