"""Which prompts come when."""

from r1.rl.schedule import all_scenarios, in_order
from tests.conftest import compose


def test_general_prompts_come_only_at_the_end() -> None:
    settings = compose("profile=smoke").final_rl.model_copy(
        update={"max_steps": 8, "batch_size": 32, "num_generations": 4, "general_last": 0.25, "general_share": 0.5}
    )
    reasoning = [{"prompt": f"p{n}", "task": "chain_sum", "answer": "1"} for n in range(5)]
    general = [{"prompt": f"g{n}", "kind": "helpful"} for n in range(3)]
    prompts = all_scenarios(reasoning, general, settings, rollouts=8 * 32, seed=0)
    assert len(prompts) == 8 * 8
    kinds = [[row["kind"] != "" for row in prompts[step * 8 : step * 8 + 8]] for step in range(8)]
    assert [sum(step) for step in kinds] == [0, 0, 0, 0, 0, 0, 4, 4]


def test_prompts_of_a_run_are_laid_out_whole_epochs_at_a_time() -> None:
    rows = [{"prompt": f"p{n}", "task": "chain_sum", "answer": "1"} for n in range(5)]
    asked = [row["prompt"][-1]["content"] for row in in_order(rows, 12, curriculum=False, seed=0)]
    assert sorted(asked[:5]) == sorted(asked[5:10]) == sorted(row["prompt"] for row in rows)
    assert asked != [row["prompt"][-1]["content"] for row in in_order(rows, 12, curriculum=False, seed=1)]
    curriculum = [row["prompt"][-1]["content"] for row in in_order(rows, 10, curriculum=True, seed=0)]
    assert curriculum == [f"p{n}" for n in range(5) for _ in range(2)]
