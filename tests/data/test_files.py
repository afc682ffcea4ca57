"""Bad data: every bad row has its reason, every bad file its sentence.

`pytest -s tests/data/test_files.py` shows them all.
"""

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from r1.config.data import DataSetConfig
from r1.data.adapters import Question
from r1.data.clean import MAX_PROMPT_CHARACTERS, NothingUsable, clean, usable_problems
from r1.data.data_sets import draw_data_sets
from r1.data.decontamination import EvaluationNgrams
from r1.data.files import MAX_LINE_BYTES
from r1.data.splits import PROBLEM_BUCKETS, TooFewProblems
from r1.pipeline.compose import compose as compose_values
from r1.pipeline.compose import write_params
from r1.support.artifacts import MANIFEST, content_hash, write_manifest
from r1.support.errors import UserError
from r1.tasks import TASKS, Problem, bucket, normalise
from tests.conftest import ROOT, compose

GOOD = {"prompt": "What is 3 + 4?", "answer": "7"}
OTHER = "How much is 5 + 2?"


def data_set(path: Path, **changes: Any) -> DataSetConfig:
    values = {
        "path": str(path),
        "task": "chain_sum",
        "level": "train",
        "prompt_column": "prompt",
        "answer_column": "answer",
        "splits": {"rl": "all"},
    }
    return DataSetConfig.model_validate(values | changes)


def ngrams(**prompts: list[str]) -> EvaluationNgrams:
    """Of generated evaluation prompts, by family."""
    index = EvaluationNgrams(8)
    for name, texts in prompts.items():
        index.add(name, texts)
    return index


def write_lines(path: Path, *lines: bytes | dict[str, Any]) -> Path:
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


def row(prompt: Any = OTHER, answer: Any = "7") -> dict[str, Any]:
    return {"prompt": prompt, "answer": answer}


BAD_LINES: list[tuple[str, bytes | dict[str, Any], str]] = [
    ("no JSON", b"What is 5 + 2? 7", "broken_json"),
    ("a line cut short", b'{"prompt": "What is 5', "broken_json"),
    ("lists, 100,000 deep", b'{"prompt": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "broken_json"),
    ("an integer of 10,000 digits", b'{"prompt": "p", "answer": ' + b"9" * 10_000 + b"}", "broken_json"),
    ("a key given twice", b'{"prompt": "What is 5 + 2?", "answer": "7", "answer": "8"}', "duplicate_key"),
    ("a line of 50 MB", b'{"prompt": "' + b"x" * 50_000_000 + b'"}', "line_too_long"),
    ("a list instead of an object", b'["What is 5 + 2?", "7"]', "not_an_object"),
    ("Latin-1 bytes", '{"prompt": "Combien? é", "answer": "7"}'.encode("latin-1"), "not_utf8"),
    ("no prompt", {"answer": "7"}, "missing_prompt"),
    ("prompt null", row(None), "missing_prompt"),
    ("prompt NaN", b'{"prompt": NaN, "answer": "7"}', "missing_prompt"),
    ("prompt 'nan'", row("nan"), "missing_prompt"),
    ("prompt a number", row(52), "prompt_not_text"),
    ("prompt a conversation", row([{"role": "user", "content": OTHER}]), "prompt_not_text"),
    ("prompt of 1 MB", row("x" * 1_000_000), "prompt_too_long"),
    ("prompt ''", row(""), "empty_prompt"),
    ("prompt white space", row(" \n\t "), "empty_prompt"),
    ("prompt '?!'", row("?!"), "empty_prompt"),
    ("special token <|im_end|>", row(OTHER + "<|im_end|>"), "chat_markup"),
    ("special token </s>", row(OTHER + "</s>"), "chat_markup"),
    ("special token <｜User｜>", row("<｜User｜>" + OTHER), "chat_markup"),
    ("a turn of the assistant", row(OTHER + "\nAssistant: 7"), "chat_markup"),
    ("turns in capitals", row("USER: " + OTHER + "\nASSISTANT: 7"), "chat_markup"),
    ("a turn in small letters", row(OTHER + "\nassistant: 7"), "chat_markup"),
    ("a turn as a heading", row(OTHER + "\n### Assistant:"), "chat_markup"),
    ("special token <unk>", row(OTHER + "<unk>"), "chat_markup"),
    ("special token [PAD]", row(OTHER + "[PAD]"), "chat_markup"),
    ("our own tags", row(OTHER + "<think>5 + 2</think><answer>7</answer>"), "chat_markup"),
    ("answer null", row(answer=None), "missing_answer"),
    ("no answer", {"prompt": OTHER}, "missing_answer"),
    ("answer NaN", b'{"prompt": "What is 5 + 2?", "answer": NaN}', "missing_answer"),
    ("answer 'None'", row(answer="None"), "missing_answer"),
    ("answer infinite", b'{"prompt": "What is 5 + 2?", "answer": Infinity}', "answer_not_text"),
    ("answer 1e300", row(answer=1e300), "answer_not_text"),
    ("answer true", row(answer=True), "answer_not_text"),
    ("answer a list", row(answer=["7"]), "answer_not_text"),
    ("answer an object", row(answer={"value": "7"}), "answer_not_text"),
    ("answer white space", row(answer=" "), "missing_answer"),
    ("answer 'seven'", row(answer="seven"), "answer_unverifiable"),
    ("answer with its tags", row(answer="<answer>7</answer>"), "answer_unverifiable"),
    ("answer of 300 digits", row(answer="7" * 300), "answer_unverifiable"),
    ("half a surrogate pair", b'{"prompt": "What is \\ud83d 5 + 2?", "answer": "7"}', "lone_surrogates"),
    ("NUL", row("What is\0 5 + 2?"), "control_characters"),
    ("escape sequence of a terminal", row("What is \x1b[2J 5 + 2?"), "control_characters"),
    ("C1 control", row("What is \x85 5 + 2?"), "control_characters"),
    ("replacement character", row("Qu\ufffdel est 5 + 2?"), "lost_characters"),
    ("zero-width space", row("What is 5\u200b + 2?"), "invisible_characters"),
    ("zero-width joiner in ASCII", row("Wh\u200dat is 5 + 2?"), "invisible_characters"),
    ("right-to-left override", row("What is \u202e5 - 2?"), "invisible_characters"),
    ("isolate", row("What is \u20665 - 2\u2069?"), "invisible_characters"),
    ("soft hyphen", row("Cal\u00adculate 5 + 2."), "invisible_characters"),
    ("text in tag characters", row(OTHER + "\U000e0073\U000e0061\U000e0079"), "invisible_characters"),
    ("bytes in variation selectors", row("5 + 2 \U0001f600\ufe0f\U000e0101\U000e0102"), "invisible_characters"),
    ("Hangul filler", row("What is\u3164 5 + 2?"), "invisible_characters"),
    ("mark of direction in Latin text", row("What is \u200f5 + 2?"), "invisible_characters"),
    ("invisible character in the answer", row(answer="7\u200b"), "invisible_characters"),
    ("the same again", {"prompt": "what is  3 + 4", "answer": 7}, "duplicate"),
    ("the same in full-width digits", row("What is ３ + ４?"), "duplicate"),
    ("the same with another answer", row("What is 3 + 4", "8"), "duplicate_with_other_answer"),
]


@pytest.mark.parametrize(("what", "line", "reason"), BAD_LINES, ids=[what for what, _, _ in BAD_LINES])
def test_a_bad_row_has_its_reason(what: str, line: bytes | dict[str, Any], reason: str, tmp_path: Path) -> None:
    problems, reasons = clean("mine", data_set(write_lines(tmp_path / "mine.jsonl", GOOD, line)))
    show(what, reason)
    assert reasons == {reason: 1}
    assert [(problem.question, problem.answer) for problem in problems] == [(GOOD["prompt"], GOOD["answer"])]


def show(what: str, message: str) -> None:
    """Print a line of the table where output is not captured."""
    print(f"| {what} | {message} |")


KEPT: list[tuple[str, Any, Any, str, str]] = [
    ("integer", OTHER, 7, "chain_sum", "7"),
    ("whole float, of a column with NaN", OTHER, 7.0, "chain_sum", "7"),
    ("float", OTHER, 7.5, "chain_sum", "7.5"),
    ("Windows line ends", "What is\r\n5 + 2?", " 7\r\n", "chain_sum", "7"),
    ("Arabic", "ما هو ٥ + ٢؟", "7", "chain_sum", "7"),
    ("Hebrew with a mark of direction", "כמה הם \u200f5 + 2?", "7", "chain_sum", "7"),
    ("Persian with a joiner", "۵ به علاوه ۲ چند می\u200cشود؟", "7", "chain_sum", "7"),
    ("a family of emoji", "How many are \U0001f468\u200d\U0001f469\u200d\U0001f467?", "3", "chain_sum", "3"),
    ("emoji with a selector", "What is ❤\ufe0f + 2 if ❤\ufe0f is 5?", "7", "chain_sum", "7"),
    ("Chinese", "五加二等于多少？", "7", "chain_sum", "7"),
    ("a system of equations", "System: x+y=1, x-y=3. Find x.", "2", "math", "2"),
    ("a ratio", "Human : apes ratio is 3 : 4. How many apes per 3 humans?", "4", "math", "4"),
    ("norm bars", "For which x is 2 <|x|> 1?", "2", "math", "2"),
    ("LaTeX", "Solve $2x = 1$.", "\\frac{1}{2}", "math", "\\frac{1}{2}"),
    ("LaTeX that math-verify takes for gold alone", "Solve $2x = 1$.", "\\frac12", "math", "\\frac12"),
    ("complex", "Add 1 + i and 2.", "3 + 1i", "complex_arithmetic", "3 + 1i"),
]


@pytest.mark.parametrize(("what", "prompt", "answer", "task", "gold"), KEPT, ids=[what for what, *_ in KEPT])
def test_a_good_row_is_kept(what: str, prompt: Any, answer: Any, task: str, gold: str) -> None:
    (found,) = usable_problems([Question(prompt, answer)], task)
    assert isinstance(found, Problem), found
    assert found.answer == gold


@pytest.mark.parametrize(
    "gold",
    [
        "}{",
        "5 = 4",
        "1 2 3 = 4 = 5",
        "notfound",
        "See solution",
        "\\text{see above}",
        "N/A",
        "Proof",
        "?",
        "The function increases on the whole interval.",
    ],
)
def test_gold_that_only_its_own_letters_equal_is_dropped(gold: str) -> None:
    assert usable_problems([Question(OTHER, gold)], "math") == ["answer_unverifiable"]


def test_a_prompt_may_have_so_many_characters() -> None:
    prompt = "x" * MAX_PROMPT_CHARACTERS
    assert isinstance(usable_problems([Question(prompt, "7")], "chain_sum")[0], Problem)
    assert usable_problems([Question(prompt + "x", "7")], "chain_sum") == ["prompt_too_long"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x < 3", "x > 3"),
        ("a ≤ 3", "a ≥ 3"),
        ("5!", "5"),
        ("n!", "n"),
        ("2^3", "2 3"),
        ("1.5", "1 5"),
        ("1.5 2", "1 5.2"),
    ],
)
def test_a_sign_makes_another_problem(one: str, other: str, tmp_path: Path) -> None:
    asks = [row(f"What of {text}?", 7) for text in (one, other, f" {one.upper()} ")]
    problems, reasons = clean("mine", data_set(write_lines(tmp_path / "a.jsonl", *asks)))
    assert len(problems) == 2 and reasons == {"duplicate": 1}


def test_generated_prompts_are_found_whatever_the_signs(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", row("Is 3 < 5?"), row("Is 3 > 5?"), row())
    drawn, counts = draw_data_sets({"mine": data_set(path)}, ["is 3 = 5"], 0, ngrams())
    assert counts["mine"]["reasons"] == {"also_generated": 2} and asked(drawn["rl"]) == {OTHER}


def test_blank_lines_and_a_byte_order_mark_are_no_matter(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode()
    path = write_lines(tmp_path / "a.jsonl", b"\xef\xbb\xbf" + line + b"\r", b"", b"  ", row(), b"")
    problems, reasons = clean("mine", data_set(path))
    assert len(problems) == 2 and not reasons


def test_a_line_may_be_so_long(tmp_path: Path) -> None:
    line = json.dumps({**GOOD, "solution": ""}).encode()
    longest = line.replace(b'""', b'"' + b"x" * (MAX_LINE_BYTES - len(line) - 1) + b'"')
    assert len(longest + b"\n") == MAX_LINE_BYTES
    problems, reasons = clean("mine", data_set(write_lines(tmp_path / "a.jsonl", longest, longest + b" ", b"")))
    assert len(problems) == 1 and reasons == {"line_too_long": 1}


def parquet(**columns: Any) -> bytes:
    table = pa.Table.from_arrays(list(columns.values()), names=list(columns))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


TEXTS, ANSWERS = pa.array([GOOD["prompt"], OTHER]), pa.array(["7", "7"])
WHOLE = parquet(prompt=TEXTS, answer=ANSWERS)
LINE = json.dumps(GOOD).encode()
CHAT = pa.array([[{"role": "user", "content": OTHER}]])


def broken_page(whole: bytes) -> bytes:
    """A parquet file whose footer is whole and whose first page is not."""
    return whole[:4] + b"\xff" * 24 + whole[28:]


BAD_FILES: list[tuple[str, str, bytes | None, str]] = [
    ("no such file", "a.jsonl", None, "cannot be read (No such file or directory)"),
    ("no such file", "a.parquet", None, "cannot be read (No such file or directory)"),
    ("0 bytes", "a.jsonl", b"", "is empty"),
    ("0 bytes", "a.parquet", b"", "is empty"),
    ("blank lines alone", "a.jsonl", b"\n\n  \n", "0 of 0 rows can be used"),
    ("0 rows", "a.parquet", parquet(prompt=TEXTS[:0], answer=ANSWERS[:0]), "0 of 0 rows can be used"),
    ("gzip", "a.jsonl", gzip.compress(LINE), "is not JSON Lines but gzip"),
    ("parquet named jsonl", "a.jsonl", WHOLE, "is not JSON Lines but parquet"),
    ("zip archive", "a.jsonl", b"PK\x03\x04rest", "is not JSON Lines but a zip archive"),
    ("UTF-16", "a.jsonl", LINE.decode().encode("utf-16"), "is not JSON Lines but UTF-16"),
    (
        "Git LFS pointer",
        "a.jsonl",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "is not JSON Lines but a Git LFS pointer, fetch the file itself",
    ),
    ("JSONL named parquet", "a.parquet", LINE, "is not a complete parquet file ("),
    ("parquet cut short", "a.parquet", WHOLE[: len(WHOLE) // 2], "is not a complete parquet file ("),
    ("parquet with a broken page", "a.parquet", broken_page(WHOLE), "is not a complete parquet file ("),
    (
        "column missing",
        "a.jsonl",
        b'{"question": "p", "answer": "7"}',
        "has no column 'prompt'; found: answer, question",
    ),
    (
        "column missing",
        "a.parquet",
        parquet(prompt=TEXTS, solution=ANSWERS),
        "has no column 'answer'; found: prompt, solution",
    ),
    (
        "prompts are conversations",
        "a.jsonl",
        json.dumps(row([{"role": "user"}])).encode(),
        "column 'prompt' holds lists, expected text",
    ),
    (
        "prompts are numbers",
        "a.jsonl",
        b'{"prompt": 1, "answer": "7"}',
        "column 'prompt' holds numbers, expected text",
    ),
    (
        "answers are objects",
        "a.jsonl",
        b'{"prompt": "p", "answer": {}}',
        "column 'answer' holds objects, expected text or numbers",
    ),
    ("prompts are conversations", "a.parquet", parquet(prompt=CHAT, answer=ANSWERS[:1]), "column 'prompt' holds list<"),
    (
        "prompts are numbers",
        "a.parquet",
        parquet(prompt=pa.array([1, 2]), answer=ANSWERS),
        "column 'prompt' holds numbers, expected text",
    ),
    (
        "answers are booleans",
        "a.parquet",
        parquet(prompt=TEXTS, answer=pa.array([True, False])),
        "column 'answer' holds bool, expected text or numbers",
    ),
    (
        "answers all null",
        "a.parquet",
        parquet(prompt=TEXTS, answer=pa.nulls(2)),
        "0 of 2 rows can be used (missing_answer 2)",
    ),
    ("JSON on one line", "a.jsonl", b"[" + LINE + b"]", "0 of 1 rows can be used (not_an_object 1)"),
    ("JSON over lines", "a.jsonl", json.dumps(GOOD, indent=1).encode(), "0 of 4 rows can be used (broken_json 4)"),
    (
        "nothing passes",
        "a.jsonl",
        b'{"prompt": "p 1", "answer": "x"}\n{"prompt": "p 2", "answer": "y"}\n{"prompt": "p 3"}\nx',
        "0 of 4 rows can be used (answer_unverifiable 2, missing_answer 1, broken_json 1)",
    ),
]


@pytest.mark.parametrize(
    ("what", "name", "content", "message"), BAD_FILES, ids=[f"{what}, {name}" for what, name, *_ in BAD_FILES]
)
def test_a_bad_file_is_refused_by_name(
    what: str, name: str, content: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError) as refused:
        clean("mine", data_set(path))
    said = str(refused.value)
    show(f"{what} ({path.suffix[1:]})", said.replace(f"{tmp_path}/", ""))
    assert said.startswith(f"prepare.data_sets.mine: {path}") and message in said and "\n" not in said


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_directory_is_no_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=rf"mine: {tmp_path}/{name} (cannot be read|is not a complete parquet file)"):
        clean("mine", data_set(tmp_path / name))


def test_parquet_rows_have_reasons_too(tmp_path: Path) -> None:
    broken = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")])
    prompts = pa.concat_arrays([pa.array([GOOD["prompt"], None, " ", OTHER]), broken])
    (tmp_path / "a.parquet").write_bytes(parquet(prompt=prompts, answer=pa.array([7.0, 1.0, 2.0, float("nan"), 3.0])))
    problems, reasons = clean("mine", data_set(tmp_path / "a.parquet"))
    assert [problem.answer for problem in problems] == ["7"]
    assert reasons == {"missing_prompt": 1, "empty_prompt": 1, "missing_answer": 1, "not_utf8": 1}


def many(path: Path, count: int, start: int = 0) -> Path:
    return write_lines(path, *(row(f"Problem {start + n}: what is {n} + 1?", n + 1) for n in range(count)))


def asked(rows: list[dict[str, Any]]) -> set[str]:
    return {row["prompt"] for row in rows}


def test_a_data_set_is_shared_out_by_identity(tmp_path: Path) -> None:
    path, splits = many(tmp_path / "a.jsonl", 400), {"cold_start": 10, "rl": 100, "rejection": "all", "evaluate": 40}
    drawn, counts = draw_data_sets({"mine": data_set(path, splits=splits)}, [], 0, ngrams())
    assert counts["mine"]["rows"] == counts["mine"]["kept"] == 400 and counts["mine"]["reasons"] == {}
    used = counts["mine"]["splits"]
    assert used == {split: len(rows) for split, rows in drawn.items()} and used["rl"] == 100
    assert sum(used.values()) == len(set().union(*(asked(rows) for rows in drawn.values())))
    for split, rows in drawn.items():
        for prompt in asked(rows):
            assert bucket(Problem("chain_sum", prompt, "", ()).identity) % 50 in PROBLEM_BUCKETS[split]
    assert drawn["rl"][0] == {**drawn["rl"][0], "task": "chain_sum", "level": "train", "family": "mine", "kind": ""}
    again, _ = draw_data_sets({"mine": data_set(path, splits=splits)}, [], 0, ngrams())
    other, _ = draw_data_sets({"mine": data_set(path, splits=splits)}, [], 1, ngrams())
    assert again == drawn and asked(other["rl"]) != asked(drawn["rl"])


def test_a_data_set_may_be_given_whole_to_one_split(tmp_path: Path) -> None:
    drawn, _ = draw_data_sets(
        {"mine": data_set(many(tmp_path / "a.jsonl", 50), splits={"evaluate": 50})}, [], 0, ngrams()
    )
    assert len(drawn["evaluate"]) == 50 and not drawn["rl"]


def test_an_evaluation_problem_is_trained_on_nowhere(tmp_path: Path) -> None:
    test = write_lines(tmp_path / "b.jsonl", *(row(f"problem {n} what is {n} + 1", n + 1) for n in range(8)))
    sets = {
        "train": data_set(many(tmp_path / "a.jsonl", 20)),
        "test": data_set(test, task="math", splits={"evaluate": "all"}),
    }
    generated = ["Problem 0: what is 0 + 1?", "PROBLEM 19, what is 19 + 1"]
    drawn, counts = draw_data_sets(sets, generated, 0, ngrams())
    assert counts["test"]["reasons"] == {"also_generated": 1} and len(drawn["evaluate"]) == 7
    assert counts["train"]["reasons"] == {"in_another_data_set": 7, "also_generated": 2}
    evaluated = {normalise(prompt) for prompt in asked(drawn["evaluate"])}
    assert not evaluated & {normalise(prompt) for prompt in asked(drawn["rl"]) | set(generated)}


QUOTED = "A farmer has seven cows and buys three more in May"


def test_a_row_that_shares_an_ngram_with_an_evaluation_prompt_is_not_trained_on(tmp_path: Path) -> None:
    train = write_lines(
        tmp_path / "a.jsonl",
        row(f"Hard one! {QUOTED.upper()}: so many?", 10),
        row("Tom reads four pages of his very long book and then two more."),
        row("Both: tom reads four pages of his very long book; a farmer has seven cows and buys three."),
        row("A farmer has seven cows and buys four more in May."),
        row(),
    )
    test = write_lines(tmp_path / "b.jsonl", row(f"{QUOTED}. How many are these?", 10))
    sets = {
        "train": data_set(train),
        "half": data_set(many(tmp_path / "c.jsonl", 40), splits={"rl": "all", "evaluate": 5}),
        "test": data_set(test, splits={"evaluate": "all"}),
    }
    index = ngrams(books=["Tom reads four pages of his very long book."], general=["Who are you?"])
    drawn, counts = draw_data_sets(sets, [], 0, index)
    assert {prompt for prompt in asked(drawn["rl"]) if "farmer" in prompt or "book" in prompt} == {
        "A farmer has seven cows and buys four more in May."
    }
    assert counts["train"]["reasons"] == {"contaminated": 3}
    assert counts["train"]["contaminated_by"] == {"books": 2, "test": 2}
    assert counts["train"]["rows"] == 5 and counts["train"]["kept"] == counts["train"]["splits"]["rl"] == 2
    assert counts["test"]["reasons"] == {} and counts["test"]["splits"] == {"evaluate": 1}, "evaluation keeps its row"
    assert counts["half"]["contaminated_by"] == {}


def test_a_data_set_is_decontaminated_against_its_own_evaluation_split(tmp_path: Path) -> None:
    asks = (row(f"Of all the very many numbers that there are, what is {n} + 1?", n + 1) for n in range(60))
    path = write_lines(tmp_path / "a.jsonl", *asks)
    with pytest.raises(TooFewProblems, match=r"splits\.rl = all: only 0 belong there; .* \(contaminated \d+\)"):
        draw_data_sets({"mine": data_set(path, splits={"evaluate": 5, "rl": "all"})}, [], 0, ngrams())


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        (
            {"rl": 100},
            "prepare.data_sets.mine.splits.rl = 100: only 21 belong there; {path}: 21 of 21 rows can be used",
        ),
        ({"rl": 2, "evaluate": 20}, "prepare.data_sets.mine.splits.evaluate = 20: only "),
    ],
)
def test_too_few_problems_are_refused(splits: dict[str, int], message: str, tmp_path: Path) -> None:
    path = many(tmp_path / "a.jsonl", 21)
    with pytest.raises(TooFewProblems) as refused:
        draw_data_sets({"mine": data_set(path, splits=splits)}, [], 0, ngrams())
    assert str(refused.value).startswith(message.format(path=path))


def test_a_data_set_of_generated_problems_alone_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", GOOD)
    with pytest.raises(NothingUsable, match=r"0 of 1 rows can be used \(also_generated 1\)"):
        draw_data_sets({"mine": data_set(path)}, [GOOD["prompt"]], 0, ngrams())


def test_identities_of_generated_problems_do_not_depend_on_unicode() -> None:
    """What decides the committed run's splits: NFKC leaves ASCII alone."""
    for name, family in compose().prepare.families.items():
        problems = TASKS[family.task].generate(family.options, 1)
        assert all(next(problems).question.isascii() for _ in range(200)), name


WRONG_PATHS = [
    ("../a.jsonl", "path = '../a.jsonl': leads out of the project"),
    ("data/../../a.jsonl", "leads out of the project: put the file into data/external/, or give an absolute path"),
    ("a.json", "path = 'a.json': a data set is a .jsonl or a .parquet file"),
    ("a.jsonl.gz", "a data set is a .jsonl or a .parquet file"),
]
COLUMNS = "task: chain_sum, level: train, prompt_column: prompt, answer_column: answer"


@pytest.mark.parametrize(("path", "message"), WRONG_PATHS, ids=[path for path, _ in WRONG_PATHS])
def test_a_wrong_path_is_refused(path: str, message: str) -> None:
    with pytest.raises(UserError, match=r"prepare\.data_sets\.mine") as refused:
        compose(f"+prepare.data_sets.mine={{path: {path}, {COLUMNS}, splits: {{rl: all}}}}")
    assert message in str(refused.value)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(UserError) as refused:
        compose(f"+prepare.data_sets.mine={{path: a.jsonl, {COLUMNS}, splits: {{corpus: 3, rl: 0}}}}")
    assert "prepare.data_sets.mine.splits.rl = 0: Input should be greater than 0" in str(refused.value)
    assert "Input should be 'cold_start', 'rl', 'rejection' or 'evaluate'" in str(refused.value)
    with pytest.raises(UserError, match=r"prepare: data_sets\.chain_sum: a family has this name"):
        compose(f"+prepare.data_sets.chain_sum={{path: a.jsonl, {COLUMNS}, splits: {{rl: all}}}}")
    with pytest.raises(UserError, match=r"data_sets\.general: summaries by family have the general prompts"):
        compose(f"+prepare.data_sets.general={{path: a.jsonl, {COLUMNS}, splits: {{rl: all}}}}")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project's code, to run stages in."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("r1", "stages", "conf"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    write_params(compose_values(["profile=smoke"], ROOT / "conf"), copy / "params.yaml")
    (copy / "data/external").mkdir(parents=True)
    return copy


def stage(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project, env={**os.environ, "PYTHONPATH": str(project)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def prepare(project: Path, splits: str) -> subprocess.CompletedProcess[str]:
    settings = f"{{path: data/external/mine.jsonl, {COLUMNS}, splits: {splits}}}"
    return stage(project, "stages/prepare.py", f"prepare.data_sets.mine={settings}")


def test_a_good_file_flows_into_the_prompts(project: Path) -> None:
    path = many(project / "data/external/mine.jsonl", 100)
    with path.open("ab") as opened:
        opened.write(b"\nno JSON\n")
    result = prepare(project, "{rl: all, evaluate: 5}")
    assert result.returncode == 0, result.stderr
    said = "prepare.data_sets.mine: data/external/mine.jsonl: 100 of 101 rows can be used (broken_json 1)"
    *bars, message = result.stdout.splitlines()  # each behind the time of day
    assert message.split(" ", 1)[1] == said and all("data_sets.mine (mine.jsonl): " in bar for bar in bars)
    metrics = json.loads((project / "data/metrics/prepare.json").read_text())
    rows = {split: pd.read_parquet(project / f"data/prompts/{split}.parquet") for split in ("rl", "evaluate")}
    used = {split: int((table["family"] == "mine").sum()) for split, table in rows.items()}
    counted = {"rows": 101, "kept": 100, "reasons": {"broken_json": 1}, "contaminated_by": {}, "splits": used}
    assert metrics["data_sets"]["mine"] == counted
    assert used["evaluate"] == 5 and 20 < used["rl"] < 70
    assert metrics["contamination"] == {"exact": 0, "normalised": 0}
    manifest = json.loads((project / "data/prompts" / MANIFEST).read_text())
    assert manifest["inputs"] == {"data/external/mine.jsonl": content_hash(path)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LINE[:-4], "error: prepare.data_sets.mine: data/external/mine.jsonl: 0 of 1 rows can be used (broken_json 1)"),
        (gzip.compress(LINE), "error: prepare.data_sets.mine: data/external/mine.jsonl is not JSON Lines but gzip"),
    ],
    ids=["nothing-passes", "gzip"],
)
def test_prepare_refuses_a_bad_file_in_one_line(project: Path, content: bytes, message: str) -> None:
    (project / "data/external/mine.jsonl").write_bytes(content)
    result = prepare(project, "{rl: all}")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == message
    assert "Traceback" not in result.stderr


def artifact(project: Path, name: str, **tables: list[dict[str, Any]]) -> None:
    directory = project / name
    directory.mkdir(parents=True, exist_ok=True)
    for table, rows in tables.items():
        pd.DataFrame(rows).to_parquet(directory / f"{table}.parquet", index=False)
    write_manifest(directory, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stages/zero.py"], "error: data/prompts/rl.parquet has no rows: "),
        (["stages/cold_start_data.py"], "error: data/prompts/cold_start.parquet has no rows: "),
        (["stages/rejection_sampling.py"], "error: data/prompts/rejection.parquet has no rows: "),
        (
            ["stages/reward_model.py", "model=reward_harmless"],
            "error: data/general/preference.parquet has no harmless pair: raise prepare.general.preference",
        ),
    ],
    ids=["zero", "cold_start_data", "rejection_sampling", "reward_model"],
)
def test_a_stage_refuses_an_empty_table_by_name(project: Path, arguments: list[str], message: str) -> None:
    for model in ("base", "zero", "reasoning_rl"):
        artifact(project, f"data/models/{model}")
    artifact(project, "data/prompts", rl=[], cold_start=[], rejection=[])
    artifact(project, "data/general", sft=[], preference=[{"prompt": "p", "kind": "helpful"}])
    result = stage(project, *arguments)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith(message)
