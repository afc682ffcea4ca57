"""The graph that is read from dvc.yaml is DVC's."""

import yaml

from r1.watch.graph import parents, stages
from tests.conftest import ROOT
from tests.watch.projects import PARAMS, RECIPE


def test_a_matrix_is_expanded_and_named_as_dvc_names_it() -> None:
    found = {stage.name: stage for stage in stages(yaml.safe_load(RECIPE), PARAMS)}
    assert list(found) == ["base@base", "base@base_qwen", "zero", "report"]
    assert found["base@base_qwen"].command == ("stages/base.py", "model=base_qwen")
    assert found["base@base_qwen"].curve == "data/plots/base_qwen.csv"
    assert found["zero"].deps[0] == "data/models/base", "an interpolated parameter"
    assert found["report"].curve is None


def test_an_edge_is_a_path_within_or_around_an_output_and_implied_ones_are_left_out() -> None:
    edges = parents(stages(yaml.safe_load(RECIPE), PARAMS))
    assert edges["zero"] == ["base@base"], "and not base_qwen, whose path begins alike"
    assert edges["report"] == ["base@base_qwen", "zero"]


def test_a_cycle_ends() -> None:
    recipe = {"stages": {"one": {"deps": ["b"], "outs": ["a"]}, "other": {"deps": ["a"], "outs": ["b"]}}}
    assert set(parents(stages(recipe, {}))) == {"one", "other"}


def test_the_committed_recipe_has_a_stage_for_every_entry_of_its_lock() -> None:
    read = [yaml.load((ROOT / name).read_text(), yaml.CSafeLoader) for name in ("dvc.yaml", "params.yaml", "dvc.lock")]
    found = stages(read[0], read[1])
    assert {stage.name for stage in found} >= set(read[2]["stages"])
    assert not [path for stage in found for path in stage.written if "${" in path]
    assert len({stage.run for stage in found}) == len(found), "a run's folder belongs to one stage"
