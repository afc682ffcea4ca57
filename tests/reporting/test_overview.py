"""The head of the page says what the run showed, whichever way it went."""

import pytest

from r1.evaluation.statistics import Estimate
from r1.reporting.overview import ByLevel, overview


def on_train(**means: float) -> ByLevel:
    return {model: {"train": Estimate(mean=mean, low=mean, high=mean, n=4)} for model, mean in means.items()}


@pytest.mark.parametrize(
    ("base", "zero", "said"),
    [(0.4, 0.8, "raised the base's pass@1 from 40.0 % to 80.0 %"), (0.5, 0.4, "lowered"), (0.5, 0.5, "left")],
)
def test_the_lead_says_which_way_rl_went(base: float, zero: float, said: str) -> None:
    accuracy, tokens = on_train(base=base, zero=zero, r1=0.9), on_train(base=38.2, zero=51.4, r1=50.0)
    claims = [{"verdict": verdict} for verdict in ("reproduced", "not reproduced", "inconclusive", "reproduced")]
    shown = overview(accuracy, tokens, claims)
    assert said in shown.lead and "R1 reaches 90.0 %" in shown.lead
    assert [tile.value for tile in shown.tiles] == [
        f"{100 * base:.1f} → {100 * zero:.1f} %",
        "90.0 %",
        "38 → 51",
        "2 of 4",
    ]


def test_without_a_trained_level_the_first_is_named() -> None:
    one = Estimate(mean=0.5, low=0.4, high=0.6, n=4)
    levels: ByLevel = {model: {"hard": one} for model in ("base", "zero", "r1")}
    assert overview(levels, levels, []).tiles[0].label == "pass@1 (harder), base → R1-Zero"
