"""Which code decides a result, by module path, and its hash."""

from pathlib import Path

from r1.support.code import code_hash, source_closure
from tests.conftest import ROOT


def test_the_source_closure_of_a_stage_is_what_it_uses() -> None:
    closure = source_closure(ROOT / "stages" / "zero.py")
    used = {
        "r1/rl/train.py",
        "r1/tasks/chain_sum.py",
        "r1/rewards/accuracy.py",
        "r1/models/chat.py",
        "r1/rewards/response.py",
    }
    assert used <= set(closure)
    unused = {"r1/finetuning/sft.py", "r1/reporting/report.py", "r1/data/documents.py"}
    plumbing = {"r1/config/rl.py", "r1/pipeline/stage.py", "r1/support/artifacts.py", "r1/recipe.py"}
    assert not (unused | plumbing) & set(closure)
    assert closure == sorted(closure)
    assert all((ROOT / path).is_file() for path in closure)


def test_the_code_hash_changes_with_the_script(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    hashes = []
    first = "import r1.rewards.response\n"
    for text in (first, first, f"{first}x = 1\n"):
        script.write_text(text)
        hashes.append(code_hash(script))
    assert hashes[0] == hashes[1] != hashes[2]
