"""Learning curves that stand alone: deterministic, and forgiving of what was not logged."""

import pandas as pd
import pytest

from r1.reporting.charts import LOSS_PANELS, RL_PANELS
from r1.reporting.figures import bands, curves

LOG = pd.DataFrame({"step": [1, 2, 3, 4], "loss": [4.0, 3.0, 2.5, 2.0], "reward": [0.0, 0.5, 0.25, 1.0]})


@pytest.mark.parametrize(
    ("runs", "smooth"),
    [
        pytest.param({"zero": LOG}, 1, id="one"),
        pytest.param({"zero": LOG, "r1": LOG * 2}, 3, id="two-smoothed"),
        pytest.param({"zero": LOG, "loss only": LOG[["step", "loss"]]}, 1, id="missing-column"),
        pytest.param({"zero": LOG.assign(kl=float("nan"))}, 1, id="column-of-nan"),
        pytest.param({"zero": LOG.assign(kl=[float("nan"), 1.0, float("nan"), 2.0])}, 5, id="gaps"),
    ],
)
def test_curves_are_deterministic_and_forgive_a_missing_column(runs: dict[str, pd.DataFrame], smooth: int) -> None:
    drawn = [curves(runs, RL_PANELS, smooth) for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0].startswith("<svg") and drawn[0].rstrip().endswith("</svg>")


@pytest.mark.filterwarnings("ignore:No artists with labels")
@pytest.mark.parametrize("runs", [{}, {"zero": LOG[["step", "loss"]]}], ids=["no-run", "no-column-at-all"])
def test_curves_without_anything_to_draw_are_no_error(runs: dict[str, pd.DataFrame]) -> None:
    assert curves(runs, RL_PANELS).startswith("<svg")


def test_a_figure_shows_its_data() -> None:
    assert curves({"zero": LOG}, LOSS_PANELS) != curves({"zero": LOG.assign(loss=1.0)}, LOSS_PANELS)
    drawn = bands({"zero": [LOG, LOG * 2]}, LOSS_PANELS, x="step")
    assert (
        drawn == bands({"zero": [LOG, LOG * 2]}, LOSS_PANELS, x="step") != bands({"zero": [LOG]}, LOSS_PANELS, "step")
    )
