"""The configuration that brings the outside package into every kind of stage."""

PACKAGE = "tests/plugged/outside_package"
TASK, REWARD = "outside.tasks.Doubling", "outside.rewards.brevity"
ADAPTER, ENGINE = "outside.adapters.DOUBLES", "outside.engine.Echo"
REPLY = "<think>First 2 + 2 = 4.</think><answer>4</answer>"
COUNTS = "documents: 200, cold_start: 8, rl: 8, rejection: 8, evaluate: 4"
SPLITS = "level: train, splits: {rl: 3}"
ROWS = "tests/plugged/doubles.jsonl"


def overrides(rows: str = ROWS, engine: bool = True) -> list[str]:
    """Of the smoke profile; with `engine`, that of the outside package evaluates."""
    evaluates = [
        "engine@evaluate.engine=plugin",
        f"evaluate.engine.name={ENGINE}",
        f"+evaluate.engine.options={{reply: '{REPLY}'}}",
    ]
    return [
        "profile=smoke",
        f"plugins={PACKAGE}",
        f"+prepare.families.doubling={{task: {TASK}, level: train, options: {{largest: 400}}, {COUNTS}}}",
        f"+prepare.data_sets.doubles={{path: {rows}, adapter: {ADAPTER}, task: {TASK}, {SPLITS}}}",
        f"+zero.rewards.{REWARD}=0.5",
        *(evaluates if engine else []),
    ]
