"""Published data sets, as small copies in their own layout: what is taken of them, what is dropped, what is refused."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import huggingface_hub
import pyarrow as pa
import pytest

from r1.config.data import DataSetConfig, GeneralDataSetConfig
from r1.data.adapters.messages import first_exchange, is_greeting
from r1.data.data_sets import draw_data_sets
from r1.data.decontamination import EvaluationNgrams
from r1.data.general_data_sets import draw_general, read_general
from r1.data.sources import hashes
from r1.sandbox.isolation import SandboxUnavailable
from r1.sandbox.process import require_sandbox
from r1.support.errors import UserError
from r1.tasks import VERIFIERS
from tests.conftest import compose
from tests.data import published


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published.write(tmp_path_factory.mktemp("published"))


def problems(path: Path | str, adapter: str, *files: str, **changes: Any) -> DataSetConfig:
    values = {"path": str(path), "adapter": adapter, "data_files": files, "level": "train", "splits": {"rl": "all"}}
    return DataSetConfig.model_validate(values | changes)


def general(path: Path, adapter: str, *files: str, **splits: Any) -> GeneralDataSetConfig:
    values = {"path": str(path), "adapter": adapter, "data_files": files, "splits": splits}
    return GeneralDataSetConfig.model_validate(values)


def draw(data_set: DataSetConfig) -> tuple[list[dict[str, Any]], dict[str, int]]:
    drawn, counts = draw_data_sets({"mine": data_set}, [], 0, EvaluationNgrams(8))
    return drawn["rl"], counts["mine"]["reasons"]


FILES = {
    "gsm8k": ("gsm8k", "main/train-*.parquet"),
    "math": ("hendrycks_math", "*/train-*.parquet"),
    "math_500": ("MATH-500", "test.jsonl"),
    "aime": ("aime_2024", "data/train-*.parquet"),
    "openr1_math": ("OpenR1-Math-220k", "data/train-*.parquet"),
    "dapo_math": ("DAPO-Math-17k", "data/dapo-math-17k.parquet"),
    "deepscaler": ("DeepScaleR-Preview-Dataset", "deepscaler.json"),
    "humaneval": ("openai_humaneval", "openai_humaneval/test-*.parquet"),
    "mbpp": ("mbpp", "full/test-*.parquet"),
    "messages": ("smoltalk", "data/everyday-conversations/train-*.parquet"),
    "ultrafeedback": ("ultrafeedback_binarized", "data/train_prefs-*.parquet"),
    "pku_saferlhf": ("PKU-SafeRLHF", "data/*/train.jsonl"),
}
MATHEMATICS = [
    ("gsm8k", 12, ("Kim has 1003 pens + 3; in train how many pens are there now?", "1006"), {"no_final_answer": 1}),
    ("math", 24, ("Solve $3x = 1$ in geometry, train.", "\\frac{1}{3}"), {"no_boxed_answer": 2}),
    ("math_500", 3, ("Solve $3x = 1$ in algebra, test.", "\\frac{1}{3}"), {}),
    ("aime", 12, ("In 2024, find the 8th remainder.", "8"), {"not_an_aime_answer": 1}),
    (
        "openr1_math",
        12,
        ("Let $a = 7$. What is $a^2$?", "49"),
        {"proof": 1, "multiple_choice": 1, "missing_answer": 1},
    ),
    ("dapo_math", 12, ("Count 11 and 11 more.", "22"), {"duplicate": 24, "other_instructions": 1}),
    ("deepscaler", 12, ("What is $2^{10}$?", "1024"), {}),
]


@pytest.mark.parametrize(("adapter", "kept", "instance", "reasons"), MATHEMATICS, ids=[row[0] for row in MATHEMATICS])
def test_problems_of_mathematics(
    root: Path, adapter: str, kept: int, instance: tuple[str, str], reasons: dict[str, int]
) -> None:
    folder, pattern = FILES[adapter]
    rows, dropped = draw(problems(root / folder, adapter, pattern))
    assert len(rows) == kept and dropped == reasons
    assert instance in [(row["prompt"], row["answer"]) for row in rows]
    assert {row["task"] for row in rows} == {"math"}


def test_answers_with_leading_zeros_are_numbers(root: Path) -> None:
    rows, _ = draw(problems(root / "aime_2025", "aime", "data/*.parquet"))
    assert sorted(row["answer"] for row in rows) == sorted(str(n) for n in range(12))


def test_a_single_file_of_a_data_set_will_do(root: Path) -> None:
    file = root / "gsm8k/main/test-00000-of-00001.parquet"
    values = {"path": str(file), "adapter": "gsm8k", "level": "train", "splits": {"rl": "all"}}
    assert len(draw(DataSetConfig.model_validate(values))[0]) == 12


def test_rows_are_taken_by_the_value_of_a_column(root: Path) -> None:
    files = root / "hendrycks_math", "math", "*/train-*.parquet"
    rows, dropped = draw(problems(*files, where={"level": ["Level 3", "Level 4"]}))
    assert len(rows) == 10 and dropped == {"not_taken": 16}
    with pytest.raises(UserError, match=r"has no column 'grade'; found: level, problem, solution, type"):
        draw(problems(*files, where={"grade": [3]}))
    with pytest.raises(UserError, match=r"0 of 26 rows can be used \(not_taken 26\)"):
        draw(problems(*files, where={"level": [3]}))


@pytest.mark.parametrize(
    ("adapter", "kept", "right", "reasons"),
    [
        ("humaneval", 2, "def add_2(a): return 2 + a", {"answer_unverifiable": 1}),
        ("mbpp", 2, "def times(a): return a * 3", {"no_single_function": 1}),
    ],
)
def test_code_is_held_to_the_published_tests(
    root: Path, adapter: str, kept: int, right: str, reasons: dict[str, int]
) -> None:
    try:
        require_sandbox()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    folder, pattern = FILES[adapter]
    rows, dropped = draw(problems(root / folder, adapter, pattern))
    assert len(rows) == kept and dropped == reasons, "a reference solution that fails its tests is dropped"
    last = rows[-1]
    assert last["task"] == "code" and VERIFIERS["code"](right, last["answer"])
    assert not VERIFIERS["code"](right.replace("return", "return 1 +"), last["answer"])
    assert json.loads(last["answer"])["entry_point"] in last["prompt"]


TYPES: dict[str, tuple[str, str, Any]] = {
    "gsm8k": ("answer", "text", lambda table: pa.array([1] * len(table))),
    "math": ("solution", "text", lambda table: pa.array([["a"]] * len(table))),
    "aime": ("answer", "text or numbers", lambda table: pa.array([True] * len(table))),
    "openr1_math": ("question_type", "text", lambda table: pa.array([1] * len(table))),
    "dapo_math": ("prompt", "messages", lambda table: pa.array(["What is 1 + 1?"] * len(table))),
    "humaneval": ("test", "text", lambda table: pa.array([["assert True"]] * len(table))),
    "mbpp": ("test_list", "lists of text", lambda table: pa.array(["assert True"] * len(table))),
    "messages": ("messages", "messages", lambda table: pa.array([["Hi", "Bye"]] * len(table))),
    "ultrafeedback": ("chosen", "messages", lambda table: pa.array(["a"] * len(table))),
}


def use(adapter: str, folder: Path, pattern: str) -> None:
    if adapter in ("messages", "ultrafeedback", "pku_saferlhf"):
        read_general({"mine": general(folder, adapter, pattern, sft=1)}, [], 0, EvaluationNgrams(8))
    else:
        draw(problems(folder, adapter, pattern))


@pytest.mark.parametrize("adapter", TYPES)
def test_a_wrong_schema_says_what_is_missing_and_what_was_found(adapter: str, tmp_path: Path) -> None:
    folder, pattern = FILES[adapter]
    path = sorted((published.write(tmp_path) / folder).glob(pattern))[0]
    column, expected, wrong = TYPES[adapter]
    whole = path.read_bytes()
    published.change(path, lambda table: table.drop_columns([column]))
    with pytest.raises(UserError) as refused:
        use(adapter, tmp_path / folder, pattern)
    said = str(refused.value)
    assert said.startswith(("prepare.data_sets.mine: ", "prepare.general_data_sets.mine: ")) and path.name in said
    assert f"has no column {column!r}; found: " in said and "\n" not in said

    path.write_bytes(whole)
    published.change(path, lambda table: table.set_column(table.schema.get_field_index(column), column, wrong(table)))
    with pytest.raises(UserError, match=rf"column '{column}' holds .*, expected {expected}$"):
        use(adapter, tmp_path / folder, pattern)


def test_a_missing_field_of_objects_is_named(tmp_path: Path) -> None:
    path = published.write(tmp_path) / "DAPO-Math-17k/data/dapo-math-17k.parquet"
    style = pa.array([{"style": "rule"}])

    def edit(table: pa.Table) -> pa.Table:
        index = table.schema.get_field_index("reward_model")
        return table.set_column(index, "reward_model", pa.concat_arrays([style] * len(table)))

    published.change(path, edit)
    with pytest.raises(UserError, match=r"has no column 'reward_model\.ground_truth'; found: .*reward_model\.style"):
        use("dapo_math", tmp_path / "DAPO-Math-17k", "data/*.parquet")


@pytest.mark.parametrize(
    ("adapter", "old", "new"), [("math_500", '"answer"', '"gold"'), ("deepscaler", '"answer"', '"a"')]
)
def test_a_wrong_schema_of_json_is_refused_too(adapter: str, old: str, new: str, tmp_path: Path) -> None:
    folder, pattern = FILES[adapter]
    path = published.write(tmp_path) / folder / pattern
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(UserError, match=rf"{path.name} has no column 'answer'; found: .*{new.strip(chr(34))}"):
        use(adapter, tmp_path / folder, pattern)


@pytest.mark.parametrize(
    ("text", "message"),
    [("[1, 2]", "0 of 2 rows can be used"), ("{}", "is not a JSON array of objects"), ("[", "is not complete JSON")],
)
def test_bad_json_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "deepscaler.json").write_text(text)
    with pytest.raises(UserError, match=message):
        use("deepscaler", tmp_path, "deepscaler.json")


GENERAL: dict[str, tuple[str, dict[str, Any]]] = {
    "talk": ("messages", {"sft": "all"}),
    "helpful": ("ultrafeedback", {"preference": 4, "rl": 1}),
    "harmless": ("pku_saferlhf", {"preference": 3, "rl": "all"}),
}


def test_general_prompts(root: Path) -> None:
    sets = {
        name: general(root / FILES[adapter][0], adapter, FILES[adapter][1], **splits)
        for name, (adapter, splits) in GENERAL.items()
    }
    evaluation = EvaluationNgrams(8)
    evaluation.add("math_500", ["Solve $2x = 1$ in algebra, test."])
    read = read_general(sets, ["Tell me of bird 3!"], 0, evaluation)
    drawn, counts = draw_general(sets, read, 0, evaluation)
    assert counts["talk"]["reasons"] == {
        **{"also_generated": 1, "chat_markup": 1, "contaminated": 1, "not_a_conversation": 1, "greeting": 1}
    }
    assert counts["talk"]["contaminated_by"] == {"math_500": 1} and counts["talk"]["splits"] == {"sft": 13}
    assert {"prompt": "Rhyme.\n\nName a bird", "kind": "helpful", "category": "instruction", "chosen": "Heard",
            "rejected": ""} in drawn["sft"], "the system prompt is kept"  # fmt: skip
    assert {"prompt": "Tell me of bird 0.", "kind": "helpful", "category": "instruction", "chosen": "Bird 0 sings.",
            "rejected": ""} in drawn["sft"], "the first exchange alone"  # fmt: skip
    assert counts["helpful"]["reasons"] == {"equal_responses": 1}
    assert counts["harmless"]["reasons"] == {"both_unsafe": 2}
    assert Counter(row["kind"] for row in drawn["preference"]) == {"helpful": 4, "harmless": 3}
    pairs = [row for row in drawn["preference"] + drawn["rl"] if row["kind"] == "harmless"]
    assert {(row["chosen"], row["rejected"]) for row in pairs} == {("No.", "Take a pin.")}
    assert {row["category"] for row in pairs} <= {"harmful", "safe"}
    asked = [{row["prompt"] for row in drawn[split]} for split in ("preference", "rl")]
    assert not asked[0] & asked[1]


def test_general_evaluation_prompts_are_trained_on_nowhere(root: Path) -> None:
    sets = {
        "talk": general(root / "smoltalk", "messages", "data/*/*.parquet", sft="all"),
        "test": general(root / "ultrafeedback_binarized", "ultrafeedback", "data/test_*.parquet", evaluate=5),
        "same": general(root / "ultrafeedback_binarized", "ultrafeedback", "data/test_*.parquet", rl="all"),
    }
    evaluation = EvaluationNgrams(8)
    read = read_general(sets, [], 0, evaluation)
    assert len(evaluation.shared_by(read["test"].evaluated[0].prompt)) == 1
    drawn, counts = draw_general(sets, read, 0, evaluation)
    assert counts["same"]["contaminated_by"] == {"test": 5} and len(drawn["evaluate"]) == 5 and len(drawn["rl"]) == 7


def test_the_hub_is_asked_for_the_files_alone_and_its_commit_is_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0123abcd").symlink_to(root / "gsm8k")
    asked: list[Any] = []

    def snapshot(path: str, **options: Any) -> str:
        asked.append((path, options))
        return str(tmp_path / "0123abcd")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    data_set = problems("openai/gsm8k", "gsm8k", "main/train-*.parquet", revision="v1")
    assert len(draw(data_set)[0]) == 12
    assert asked == [
        ("openai/gsm8k", {"repo_type": "dataset", "revision": "v1", "allow_patterns": ["main/train-*.parquet"]})
    ]
    (name, digest), *others = hashes("prepare.data_sets.mine", data_set).items()
    assert name == "openai/gsm8k@0123abcd/main/train-00000-of-00001.parquet" and len(digest) == 64 and not others


def test_what_the_hub_does_not_give_is_said_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot(path: str, **_: Any) -> str:
        raise OSError("404 Client Error\nat length")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    with pytest.raises(UserError) as refused:
        draw(problems("nobody/nothing", "gsm8k", "*.parquet"))
    assert str(refused.value) == (
        "prepare.data_sets.mine.path = 'nobody/nothing': cannot be downloaded from the hub (404 Client Error)"
    )


def test_a_pattern_that_matches_nothing_is_refused(root: Path) -> None:
    with pytest.raises(
        UserError, match=r"prepare\.data_sets\.mine\.data_files: .*/gsm8k has no file socratic/\*\.parquet"
    ):
        draw(problems(root / "gsm8k", "gsm8k", "socratic/*.parquet"))


GSM8K = "adapter: gsm8k, data_files: [main/*.parquet], level: train, splits: {rl: all}"
WRONG = [
    (f"{{path: openai/gsm8k, {GSM8K}}}", "'openai/gsm8k': no such directory; with offline=false it may be a hub id"),
    (f"{{path: ./openai/gsm8k, {GSM8K}}}", "no such directory, and no hub id"),
    (f"{{path: data/external/gsm8k, {GSM8K}}}", "no such directory, and no hub id"),
    (f"{{path: /nowhere/a.parquet, {GSM8K.replace('data_files: [main/*.parquet], ', '')}}}", "no such file"),
    (f"{{path: a.parquet, {GSM8K}}}", "data_files: path = 'a.parquet' is a file already"),
    (f"{{path: openai/gsm8k, {GSM8K.replace('*.parquet', '*.py')}}}", "'main/*.py': must be .jsonl, .json or .parquet"),
    (f"{{path: openai/gsm8k, {GSM8K.replace('main', '../..')}}}", "must be .jsonl, .json or .parquet files below path"),
    (f"{{path: openai/gsm8k, {GSM8K}, task: math}}", "task: adapter=gsm8k already sets it"),
    (f"{{path: openai/gsm8k, {GSM8K.replace('gsm8k', 'columns', 1)}}}", "task: is missing; adapter=columns"),
    (f"{{path: openai/gsm8k, {GSM8K.replace('gsm8k', 'gsm9k', 1)}}}", "adapter = 'gsm9k': Input should be"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), WRONG, ids=[message for _, message in WRONG])
def test_a_wrong_data_set_is_refused_before_anything_is_read(values: str, message: str) -> None:
    with pytest.raises(UserError, match=r"prepare\.data_sets\.mine") as refused:
        compose(f"+prepare.data_sets.mine={values}")
    assert message in str(refused.value)


BASES = ["base.checkpoint=a/b", "base_qwen.checkpoint=a/b", "base_llama.checkpoint=a/b"]


@pytest.mark.parametrize("choice", ["mathematics", "reasoning"])
@pytest.mark.parametrize("code", ["none", "humaneval"])
def test_published_data_compose_for_real_bases_alone(choice: str, code: str) -> None:
    prepare = compose(f"data={choice}", f"code={code}", "offline=false", *BASES).prepare
    assert not any(family.documents or family.rl or family.evaluate for family in prepare.families.values())
    assert prepare.has_code == (code == "humaneval")
    # 8-grams take 11.5 % of MATH's levels 3 to 5, after which a fixed number of RL problems is not there.
    assert prepare.decontamination.ngram == 10 and prepare.data_sets["math"].splits["rl"] == "all"
    assert {data_set.level for data_set in prepare.data_sets.values() if "evaluate" in data_set.splits} == {
        *("train", "hard", "transfer")
    }
    with pytest.raises(
        UserError, match=r"prepare\.data_sets\.math\.path = 'EleutherAI/hendrycks_math': .*offline=false"
    ):
        compose(f"data={choice}", *(base.replace("a/b", "tests") for base in BASES))
    with pytest.raises(UserError, match=r"base\.checkpoint = None: and prepare asks for no documents"):
        compose(f"data={choice}", "offline=false")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("~prepare.data_sets.math", "no family and no data set has problems for the split 'cold_start'"),
        ("~prepare.data_sets.gsm8k", "nothing is evaluated at the level 'transfer'"),
        ("~prepare.general_data_sets.smoltalk", "general.sft = 0: and no general data set feeds this split"),
        ("~prepare.general_data_sets.pku_saferlhf_test", "general.evaluate: no harmless prompts"),
        (
            "+prepare.general_data_sets.smoltalk.splits={rl: 3}",
            "conversations have no preferences, so they feed only sft",
        ),
    ],
)
def test_what_a_later_stage_would_miss_is_refused_at_once(override: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        compose("data=mathematics", "offline=false", *BASES, override)
    assert message in str(refused.value)


def test_code_that_is_trained_on_must_be_rewarded() -> None:
    mbpp = "+prepare.data_sets.mbpp.splits={rl: 100}"
    with pytest.raises(UserError, match=r"zero\.rewards: code_reward is missing.*prepare\.data_sets\.mbpp\.splits\.rl"):
        compose("data=mathematics", "code=humaneval", "offline=false", *BASES, mbpp)


def _said(*texts: str, system: str | None = None) -> list[dict[str, str]]:
    turns = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(texts)]
    return ([] if system is None else [{"role": "system", "content": system}]) + turns


EXCHANGES = {
    "one": (_said("Name a bird.", "The wren."), ("Name a bird.", "The wren.")),
    "system": (_said("The wren sang.", "It sang.", system="Shorten."), ("Shorten.\n\nThe wren sang.", "It sang.")),
    "empty-system": (_said("Name a bird.", "The wren.", system=""), ("Name a bird.", "The wren.")),
    "greeting-first": (_said("Hi!", "Hello.", "Name a bird.", "The wren."), ("Name a bird.", "The wren.")),
    "two-greetings": (_said("Hi", "Hello.", "How are you today?", "Well.", "Why?", "So."), ("Why?", "So.")),
    "system-and-greeting": (_said("Hey there", "Hello.", "A bird?", "Wren.", system="Be brief."),
                            ("Be brief.\n\nA bird?", "Wren.")),
    "only-a-greeting": (_said("你好！", "你好。"), "greeting"),
    "greeting-and-no-reply": (_said("Hi", "Hello.", "Name a bird."), "greeting"),
    "greeting-with-a-request": (_said("Hi, name a bird.", "Wren."), ("Hi, name a bird.", "Wren.")),
    "no-reply": (_said("Name a bird."), "not_a_conversation"),
    "assistant-first": (_said("Name a bird.", "Wren.")[1:], "not_a_conversation"),
    "only-a-system-prompt": (_said(system="Be brief."), "not_a_conversation"),
    "content-of-parts": ([{"role": "user", "content": [{"type": "text"}]}, *_said("a", "b")], "not_a_conversation"),
    "nothing": ([], "not_a_conversation"),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "expected"), EXCHANGES.values(), ids=EXCHANGES)
def test_the_first_exchange_that_asks_for_something(messages: Any, expected: Any) -> None:
    assert first_exchange(messages) == expected


@pytest.mark.parametrize(
    ("text", "greets"),
    [
        *(("Hi", True), ("Hello there! How are you today?", True), ("Hey, what\u2019s up?", True), ("您好", True)),
        *(("Good morning 😊", True), ("hi " * 10_000, True), ("hi " * 10_000 + "x", False), ("", False)),
        *(
            ("Hit the ball", False),
            ("History of Rome", False),
            ("Hello world program in C", False),
            ("Thank you", True),
        ),
        *(("How are you trained?", False), ("How are clouds made?", False), ("你好怎么翻译", False)),
    ],
)
def test_greetings(text: str, greets: bool) -> None:
    assert is_greeting(text) == greets
