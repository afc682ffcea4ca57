from pathlib import Path

from r1.questions.degradation.settings import Settings
from r1.questions.lab import by_level, seed_of
from tests.questions.lab import PROBLEMS, toy


def test_levels_have_the_same_number_of_problems() -> None:
    chosen = by_level(PROBLEMS, 3)
    assert [row["level"] for row in chosen] == ["train"] * 3 + ["hard"] * 3


def test_families_of_a_level_take_turns() -> None:
    rows = [{"level": "train", "family": family, "prompt": n} for family in "ab" for n in range(9)]
    assert [row["family"] for row in by_level(rows, 4)] == ["a", "b", "a", "b"]


def test_arms_share_the_seeds_of_a_purpose(tmp_path: Path) -> None:
    one, other = (toy(Settings, "degradation", name, tmp_path) for name in ("verified", "original"))
    assert seed_of(one, "written", 1) == seed_of(other, "written", 1) != seed_of(one, "written", 2)
