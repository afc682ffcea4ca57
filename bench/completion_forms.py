"""How are forms of a completion read: strictly, leniently, by lighteval, by lm-evaluation-harness?

    python bench/completion_forms.py record lighteval      # in an environment with lighteval[math]
    python bench/completion_forms.py record lm_eval        # in an environment with lm-eval[math]; theirs exclude ours
    python -m bench.completion_forms                       # here: prints Markdown, all verdicts side by side

The table is tests/rewards/completion_forms.jsonl: a form's name, a completion, gold, and whether its answer is right.
`record` runs the packages' own extraction and comparison, as their tasks set them, and writes the verdicts into
bench/results/completion_forms.json, which tests/rewards/test_completion_forms.py compares with ours.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "tests" / "rewards" / "completion_forms.jsonl"
RECORDED = ROOT / "bench" / "results" / "completion_forms.json"
Rule = Callable[[str, str], bool]
"""(completion, gold) to whether it counts as right."""


def forms() -> list[dict[str, Any]]:
    """The table's rows: `form`, `completion`, `gold`, `right`."""
    return [json.loads(line) for line in TABLE.read_text(encoding="utf-8").splitlines()]


def lighteval_rules() -> Iterator[tuple[str, Rule]]:
    """Metrics of gsm8k, and of math_500 and aime24, after lighteval's removal of `<think>…</think>`."""
    from lighteval.metrics.metrics import Metrics
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.requests import Doc
    from lighteval.utils.utils import remove_reasoning_tags

    def rule(metric: Any, dressed: str, stop: str | None) -> Rule:
        def right(completion: str, gold: str) -> bool:
            said = remove_reasoning_tags(completion.split(stop)[0] if stop else completion, [("<think>", "</think>")])
            doc = Doc(task_name="", query="", choices=[dressed.format(gold)], gold_index=0)
            response = ModelResponse(text=[said], text_post_processed=[said])
            return bool(metric.compute(doc, response) == 1)

        return right

    yield "gsm8k", rule(Metrics.expr_gold_metric.value.sample_level_fn, " {}", "Question:")
    of_math = Metrics.pass_at_k_math(sample_params={"k": 1, "n": 1})
    yield "math_500, aime24", rule(of_math.sample_level_fn, "ANSWER: ${}$", None)


def lm_eval_rules() -> Iterator[tuple[str, Rule]]:
    """Filters of gsm8k, and minerva_math's, with `think_end_token=</think>`."""
    import lm_eval
    import yaml
    from lm_eval.api.metrics import exact_match_hf_evaluate
    from lm_eval.filters.extraction import RegexFilter
    from lm_eval.models.utils import postprocess_generated_text
    from lm_eval.tasks.minerva_math import utils as minerva

    task = yaml.safe_load((Path(lm_eval.__file__).parent / "tasks" / "gsm8k" / "gsm8k.yaml").read_text())
    compared = {key: value for key, value in task["metric_list"][0].items() if key.startswith(("ignore", "regexes"))}

    def of_gsm8k(filtered: RegexFilter) -> Rule:
        def right(completion: str, gold: str) -> bool:
            said = postprocess_generated_text(completion, task["generation_kwargs"]["until"], "</think>")
            found = next(iter(filtered.apply([[said]], [{}])))[0]
            return bool(exact_match_hf_evaluate([found], [f"#### {gold}"], **compared)["exact_match"] == 1)

        return right

    for kind in task["filter_list"]:
        options = {key: value for key, value in kind["filter"][0].items() if key != "function"}
        yield f"gsm8k {kind['name']}", of_gsm8k(RegexFilter(**options))

    def of_minerva(metric: str) -> Rule:
        def right(completion: str, gold: str) -> bool:
            said = postprocess_generated_text(completion, ["Problem:"], "</think>")
            doc = {"answer": minerva.normalize_final_answer(gold), "solution": f"$\\boxed{{{gold}}}$"}
            return bool(minerva.process_results(doc, [said])[metric])

        return right

    yield "minerva_math exact_match", of_minerva("exact_match")
    yield "minerva_math math_verify", of_minerva("math_verify")


PACKAGES = {"lighteval": lighteval_rules, "lm_eval": lm_eval_rules}
_BESIDE = {"lighteval": ("latex2sympy2_extended",), "lm_eval": ("math-verify",)}


def record(package: str) -> None:
    """Write a package's verdicts of all forms, by rule."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    versions = {name: version(name.replace("_", "-")) for name in (package, *_BESIDE[package])}
    rules = {
        name: {row["form"]: right(row["completion"], row["gold"]) for row in forms()}
        for name, right in PACKAGES[package]()
    }
    recorded[package] = {"versions": versions, "rules": rules}
    RECORDED.write_text(json.dumps(recorded, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def show() -> None:
    """Print all verdicts as Markdown."""
    from r1.rewards.accuracy import are_correct
    from r1.rewards.reading import read_leniently, read_strictly

    table, recorded = forms(), json.loads(RECORDED.read_text(encoding="utf-8"))
    said, golds = [row["completion"] for row in table], [row["gold"] for row in table]
    columns: dict[str, list[bool]] = {
        name: are_correct(said, ["math"] * len(said), golds, read)
        for name, read in (("strict", read_strictly), ("lenient", read_leniently))
    }
    for package in sorted(recorded):
        for name, verdicts in recorded[package]["rules"].items():
            columns[f"{package}: {name}"] = [verdicts[row["form"]] for row in table]
    versions = ", ".join(
        f"{name} {number}" for package in sorted(recorded) for name, number in recorded[package]["versions"].items()
    )
    print(f"# `python -m bench.completion_forms`\n\n{len(table)} forms of a completion; {versions}. {_EXPLAINED}\n")
    print(f"| form | completion | gold | {' | '.join(columns)} |\n|---|---|---|{'---|' * len(columns)}")
    for at, row in enumerate(table):
        verdicts = " | ".join("paid" if column[at] else "·" for column in columns.values())
        wanted = row["gold"] if row["right"] else f"{row['gold']} (not to be paid)"
        print(f"| {row['form']} | {_code(row['completion'])} | {_code(wanted)} | {verdicts} |")
    wrong, right = ([at for at, row in enumerate(table) if row["right"] is value] for value in (False, True))
    for name, wanted, places in (("paid wrongly", True, wrong), ("missed", False, right)):
        counts = " | ".join(str(sum(column[at] is wanted for at in places)) for column in columns.values())
        print(f"| **{name}** of {len(places)} | | | {counts} |")


_EXPLAINED = (
    "A verdict is of the packages' own extraction and comparison, at the settings of the named tasks; ours is math's "
    "verifier under each reading. Which ones should be paid is our own judgement. `⏎` is a line break."
)


def _code(text: str) -> str:
    shown = re.sub(r"\n", "⏎", text).replace("|", "\\|")
    return f"`{shown}`" if shown else ""


def main() -> None:
    """Record a package's verdicts, or show all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", nargs="?", choices=["record"])
    parser.add_argument("package", nargs="?", choices=PACKAGES)
    arguments = parser.parse_args()
    if arguments.action and arguments.package:
        record(arguments.package)
    else:
        show()


if __name__ == "__main__":
    main()
