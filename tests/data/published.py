"""Small copies of published data sets in their layout: columns and types as published, rows of our own invention.

`python -m tests.data.published <folder>` writes them, to try the recipe on.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from r1.data.adapters.dapo_math import AFTER, BEFORE

TEXT, INT, BOOL = pa.string(), pa.int64(), pa.bool_()
MESSAGES = pa.list_(pa.struct([("content", TEXT), ("role", TEXT)]))
GSM8K = pa.schema([("question", TEXT), ("answer", TEXT)])
MATH = pa.schema([("problem", TEXT), ("level", TEXT), ("type", TEXT), ("solution", TEXT)])
AIME = pa.schema([("id", INT), ("problem", TEXT), ("solution", TEXT), ("answer", TEXT), ("url", TEXT), ("year", TEXT)])
OPENR1 = pa.schema(
    [
        *(
            (name, TEXT)
            for name in ("problem", "solution", "answer", "problem_type", "question_type", "source", "uuid")
        ),
        ("is_reasoning_complete", pa.list_(BOOL)),
        ("generations", pa.list_(TEXT)),
        ("correctness_math_verify", pa.list_(BOOL)),
        ("correctness_llama", pa.list_(BOOL)),
        ("finish_reasons", pa.list_(TEXT)),
        ("correctness_count", INT),
        ("messages", MESSAGES),
    ]
)
DAPO = pa.schema(
    [
        ("data_source", TEXT),
        ("prompt", MESSAGES),
        ("ability", TEXT),
        ("reward_model", pa.struct([("ground_truth", TEXT), ("style", TEXT)])),
        ("extra_info", pa.struct([("index", TEXT)])),
    ]
)
HUMANEVAL = pa.schema([(name, TEXT) for name in ("task_id", "prompt", "canonical_solution", "test", "entry_point")])
MBPP = pa.schema(
    [
        ("task_id", pa.int32()),
        ("text", TEXT),
        ("code", TEXT),
        ("test_list", pa.list_(TEXT)),
        ("test_setup_code", TEXT),
        ("challenge_test_list", pa.list_(TEXT)),
    ]
)
SMOLTALK = pa.schema([("messages", MESSAGES), ("source", TEXT)])
ULTRAFEEDBACK = pa.schema(
    [
        *(("prompt", TEXT), ("prompt_id", TEXT)),
        *((name, MESSAGES) for name in ("chosen", "rejected", "messages")),
        *(("score_chosen", pa.float64()), ("score_rejected", pa.float64())),
    ]
)


def write(root: Path, count: int = 12) -> Path:
    """Write every data set below a folder, each with that many rows that can be used and some that cannot."""
    numbers = range(count)
    for split, sign in (("train", "+"), ("test", "-")):
        _parquet(
            root / f"gsm8k/main/{split}-00000-of-00001.parquet",
            GSM8K,
            [
                {
                    "question": f"Kim has {n + 1000} pens {sign} {n}; in {split} how many pens are there now?",
                    "answer": f"{n + 1000} {sign} {n} pens.\n#### {(n + 1000 + (n if sign == '+' else -n)):,}",
                }
                for n in numbers
            ]
            + [{"question": f"Who hid the {split} mark?", "answer": "Nobody, it is 7."}],
        )
        for subject in ("algebra", "geometry"):
            _parquet(
                root / f"hendrycks_math/{subject}/{split}-00000-of-00001.parquet",
                MATH,
                [
                    {
                        "problem": f"Solve ${n}x = 1$ in {subject}, {split}.",
                        "level": f"Level {n % 5 + 1}",
                        "type": subject,
                        "solution": f"Not $\\boxed{{0}}$ but $\\boxed{{\\frac{{1}}{{{n}}}}}$.",
                    }
                    for n in range(1, count + 1)
                ]
                + [{"problem": f"Prove {subject}, {split}.", "level": "Level 5", "solution": "Clear."}],
            )
    _jsonl(
        root / "MATH-500/test.jsonl",
        [
            {
                **{"problem": f"Solve ${n}x = 1$ in algebra, test.", "solution": f"$\\boxed{{\\frac{{1}}{{{n}}}}}$"},
                **{"answer": f"\\frac{{1}}{{{n}}}", "subject": "Algebra", "level": n % 5 + 1, "unique_id": f"{n}.json"},
            }
            for n in range(2, 5)
        ],
    )
    for year in (2024, 2025):
        _parquet(
            root / f"aime_{year}/data/train-00000-of-00001.parquet",
            AIME,
            [
                {
                    **{"id": n, "problem": f"In {year}, find the {n}th remainder.", "solution": "", "url": ""},
                    **{"answer": f"{n:03}" if n % 2 else f"{n}^\\circ", "year": str(year)},
                }
                for n in numbers
            ]
            + [{"id": 99, "problem": f"In {year}, find all.", "solution": "", "answer": "1234", "url": "", "year": ""}],
        )
    _parquet(
        root / "OpenR1-Math-220k/data/train-00000-of-00010.parquet",
        OPENR1,
        [
            {
                **{"problem": f"Let $a = {n}$. What is $a^2$?", "solution": "", "answer": str(n * n), "uuid": str(n)},
                **{"problem_type": "Algebra", "question_type": "math-word-problem", "source": "olympiads"},
                **{"is_reasoning_complete": [True, False], "generations": ["<think>\n", ""], "correctness_count": 1},
                **{"correctness_math_verify": [True, False], "correctness_llama": None, "finish_reasons": ["stop"]},
                **{"messages": _exchange("a", "b")},
            }
            for n in numbers
        ]
        + [
            {"problem": "Show that it is.", "answer": "proof", "question_type": "proof"},
            {"problem": "Which, A or B?", "answer": "A", "question_type": "MCQ"},
            {"problem": "Name one.", "answer": "", "question_type": "math-word-problem"},
        ],
    )
    dapo = [
        {
            **{"data_source": "math_dapo", "ability": "MATH", "extra_info": {"index": str(n)}},
            **{"prompt": [{"content": f"{BEFORE}Count {n} and {n} more.{AFTER}", "role": "user"}]},
            **{"reward_model": {"ground_truth": str(2 * n), "style": "rule-lighteval/MATH_v2"}},
        }
        for n in numbers
    ]
    bare = {**dapo[0], "prompt": [{"content": "Count 1.", "role": "user"}]}
    _parquet(root / "DAPO-Math-17k/data/dapo-math-17k.parquet", DAPO, dapo * 3 + [bare])
    _write(
        root / "DeepScaleR-Preview-Dataset/deepscaler.json",
        json.dumps([{"problem": f"What is $2^{{{n}}}$?", "answer": str(2**n), "solution": ""} for n in numbers]),
    )
    _parquet(
        root / "openai_humaneval/openai_humaneval/test-00000-of-00001.parquet",
        HUMANEVAL,
        [
            {
                **{"task_id": f"HumanEval/{n}", "entry_point": f"add_{n}"},
                "prompt": f'from typing import List\n\n\ndef add_{n}(a: int) -> int:\n    """Add {n} to a."""\n',
                "canonical_solution": f"    return a + {n}\n" if n else "    return a + 1\n",
                "test": f"def check(candidate):\n    assert candidate(1) == {n + 1}\n",
            }
            for n in range(3)
        ],
    )
    _parquet(
        root / "mbpp/full/test-00000-of-00001.parquet",
        MBPP,
        [
            {
                **{"task_id": n, "text": f"Write a function to multiply by {n}.", "challenge_test_list": []},
                **{"code": f"def times(a):\r\n  return a * {n}", "test_setup_code": ""},
                "test_list": [f"assert times(2) == {2 * n}", f"assert set([times(5)]) == set([{5 * n}])"],
            }
            for n in range(2, 4)
        ]
        + [{"task_id": 9, "text": "Write two.", "code": "x = 1", "test_list": ["assert x"], "test_setup_code": ""}],
    )
    _parquet(
        root / "smoltalk/data/everyday-conversations/train-00000-of-00001.parquet",
        SMOLTALK,
        [
            {
                "messages": [*_exchange(f"Tell me of bird {n}.", f"Bird {n} sings."), *_exchange("More?", "No.")],
                "source": "everyday-conversations",
            }
            for n in numbers
        ]
        + [
            {"messages": [{"role": "system", "content": "Rhyme."}, *_exchange("Name a bird", "Heard")], "source": "x"},
            {"messages": _exchange("Hi there!", "Hello! How can I help?"), "source": "everyday"},
            {"messages": [{"role": "user", "content": "Hello?"}], "source": "x"},
            {"messages": _exchange("What is 2 of 3?", "Solve $2x = 1$ in algebra, test: easy."), "source": "x"},
            {"messages": _exchange("Solve $2x = 1$ in algebra, test.", "One half."), "source": "numina"},
            {"messages": _exchange("Think.", "<think>No</think>"), "source": "x"},
        ],
    )
    for split in ("train", "test"):
        _parquet(
            root / f"ultrafeedback_binarized/data/{split}_prefs-00000-of-00001.parquet",
            ULTRAFEEDBACK,
            [
                {
                    **{
                        "prompt": f"Name {split} tree {n}.",
                        "prompt_id": str(n),
                        "score_chosen": 8.0,
                        "score_rejected": 3.0,
                    },
                    **{key: _exchange(f"Name {split} tree {n}.", f"Tree {n}.") for key in ("chosen", "messages")},
                    "rejected": _exchange(f"Name {split} tree {n}.", "No."),
                }
                for n in numbers
            ]
            + [{"chosen": _exchange(f"Same, {split}?", "Yes."), "rejected": _exchange(f"Same, {split}?", "Yes. ")}],
        )
        for model in ("Alpaca-7B", "Alpaca3-8B"):
            _jsonl(
                root / f"PKU-SafeRLHF/data/{model}/{split}.jsonl",
                [
                    {
                        **{
                            "prompt": f"How do I, {split} {model} {n}, pick it?",
                            "response_0": "Take a pin.",
                            "response_1": "No.",
                        },
                        **{"prompt_source": "x", "response_0_source": model, "response_1_source": model},
                        **{
                            "is_response_0_safe": n == 1,
                            "is_response_1_safe": n != 0,
                            "response_0_harm_category": {"Fraud": True},
                        },
                        **{"better_response_id": 0, "safer_response_id": 1, "response_0_severity_level": 1},
                    }
                    for n in numbers
                ],
            )
    return root


def _exchange(prompt: str, response: str) -> list[dict[str, str]]:
    return [{"content": prompt, "role": "user"}, {"content": response, "role": "assistant"}]


def _parquet(path: Path, schema: pa.Schema, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)


def _jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    _write(path, "".join(json.dumps(row) + "\n" for row in rows))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def change(path: Path, edit: Callable[[pa.Table], pa.Table]) -> None:
    """Rewrite a parquet file with another schema."""
    pq.write_table(edit(pq.read_table(path)), path)


if __name__ == "__main__":
    write(Path(sys.argv[1]), count=int(sys.argv[2]) if len(sys.argv) > 2 else 12)
