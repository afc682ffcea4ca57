"""The recipe's picture: every model with its levels, in both arrangements, in bounds and without overlap."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest

from r1.evaluation.statistics import Estimate
from r1.recipe import MODELS, TRAININGS
from r1.reporting.recipe_picture import TITLES, Layout, _narrow, _wide, draw_recipe

ACCURACY = {
    model: {
        "train": Estimate(mean=0.01 * number, low=0.0, high=0.02 * number, n=4),
        "hard": Estimate(mean=0.5, low=0.4, high=0.6, n=4),
    }
    for number, model in enumerate(MODELS, 1)
}
LAYOUTS = pytest.mark.parametrize("layout", [_wide(), _narrow()], ids=["wide", "narrow"])


def test_there_is_a_wide_and_a_narrow_picture_with_every_model_and_its_accuracy() -> None:
    drawn = draw_recipe(ACCURACY, 0.95)  # type: ignore[arg-type]
    pictures = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", drawn)]
    assert [picture.get("class") for picture in pictures] == ["recipe wide", "recipe narrow"]
    for picture in pictures:
        texts = [text.text for text in picture.iter("text")]
        assert set(TITLES.values()) <= set(texts)
        assert texts.count("harder") == len(MODELS) and "transfer" not in texts, "a level that was not measured"
        assert [text for text in texts if text in {f"{n:.1f}" for n in range(1, 13)}]
        said = picture.get("aria-label") or ""
        assert picture.get("role") == "img" and all(title in said for title in TITLES.values())
        assert "R1-Zero (RL alone, no SFT, from Base): trained 4.0 %, harder 50.0 %" in said
    assert "95 % interval" in drawn and "style=" not in drawn


@LAYOUTS
def test_every_model_has_a_box_in_bounds_and_none_overlaps(layout: Layout) -> None:
    assert set(layout.boxes) == {*MODELS, "sampling"} == {*TITLES, "sampling"}
    for box in layout.boxes.values():
        assert min(box.x, box.y) >= 0 and box.x + box.width <= layout.width and box.y + box.height <= layout.height
    for a, b in combinations(layout.boxes.values(), 2):
        assert a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y


@LAYOUTS
def test_the_solid_arrows_are_the_recipe(layout: Layout) -> None:
    drawn = {(arrow.source, arrow.target) for arrow in layout.arrows if not arrow.data}
    assert drawn == {(one.parent, model) for model, one in TRAININGS.items() if one.parent}


def test_the_same_accuracy_gives_the_same_picture() -> None:
    assert draw_recipe(ACCURACY, 0.95) == draw_recipe(dict(ACCURACY), 0.95)  # type: ignore[arg-type]
