"""The corpus' authors: right unless they slip, in the style they were asked for."""

import random
import re
from itertools import islice

import pytest

from r1.config.data import FamilyConfig, StylesConfig
from r1.curation.filters import rewrite
from r1.data.corpus import build_corpus
from r1.data.documents import write_response
from r1.models.chat import as_messages, turn
from r1.models.tokenizer import train_tokenizer
from r1.rewards.accuracy import is_correct
from r1.rewards.response import count_reflections, language_shares, parse_response
from r1.tasks import TASKS, Problem
from tests.conftest import compose

SMOKE = compose("profile=smoke").prepare
FAMILIES = compose().prepare.families
NEVER = StylesConfig(direct=0, chinese=0, mixed=0, tagged=0, summary=0, slip=0, careful=0, confirm=0, header=0)
WORKED = {name: family for name, family in FAMILIES.items() if family.task != "search"}
BY_TRIAL = {name: family for name, family in FAMILIES.items() if family.task == "search"}
each_family = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES.keys())
each_worked = pytest.mark.parametrize("family", WORKED.values(), ids=WORKED.keys())
each_by_trial = pytest.mark.parametrize("family", BY_TRIAL.values(), ids=BY_TRIAL.keys())
each_style = pytest.mark.parametrize(
    "style",
    [
        pytest.param({}, id="english"),
        pytest.param({"chinese": 1}, id="chinese"),
        pytest.param({"mixed": 1}, id="mixed"),
        pytest.param({"tagged": 1}, id="tagged"),
        pytest.param({"chinese": 1, "tagged": 1}, id="chinese-tagged"),
        pytest.param({"tagged": 1, "summary": 1}, id="summary"),
        pytest.param({"chinese": 1, "tagged": 1, "summary": 1}, id="chinese-summary"),
        pytest.param({"careful": 1, "confirm": 1}, id="careful"),
        pytest.param({"direct": 1}, id="direct"),
        pytest.param(SMOKE.styles.model_dump() | {"slip": 0}, id="as-configured"),
    ],
)


def written(family: FamilyConfig, **style: float) -> list[tuple[Problem, str, str]]:
    """Problems with an author's response each, and the name of its style."""
    rng = random.Random(7)
    problems = islice(TASKS[family.task].generate(family.options, 11), 60)
    return [(problem, *write_response(problem, NEVER.model_copy(update=style), rng)) for problem in problems]


@each_worked
@each_style
def test_who_does_not_slip_is_right(family: FamilyConfig, style: dict[str, float]) -> None:
    for problem, response, _ in written(family, **style):
        assert is_correct(response, problem.task, problem.answer), (problem, response)


@pytest.mark.parametrize("style", [{}, {"tagged": 1}, {"direct": 1}, {"slip": 1, "chinese": 1}], ids=str)
def test_a_word_problem_is_answered_with_its_own_solution(style: dict[str, float]) -> None:
    family = FAMILIES["chain_sum"].model_copy(update={"task": "gsm_symbolic", "options": {}})
    for problem, response, _ in written(family, **style):
        assert is_correct(response, problem.task, problem.answer), (problem, response)
        assert (problem.solution in response) != bool(style.get("direct"))
        assert language_shares(response).get("zh", 0) == 0


@each_worked
def test_direct_is_the_answer_alone(family: FamilyConfig) -> None:
    for problem, response, style in written(family, direct=1, slip=1):
        assert (response, style) == (problem.answer, "direct")


@each_worked
def test_who_slips_unnoticed_is_mostly_wrong(family: FamilyConfig) -> None:
    right = [is_correct(response, problem.task, problem.answer) for problem, response, _ in written(family, slip=1)]
    assert sum(right) < 0.25 * len(right)


@each_worked
@pytest.mark.parametrize("language", [{}, {"chinese": 1}, {"mixed": 1}], ids=["english", "chinese", "mixed"])
def test_who_notices_every_slip_is_right(family: FamilyConfig, language: dict[str, float]) -> None:
    for problem, response, _ in written(family, slip=1, careful=1, **language):
        assert is_correct(response, problem.task, problem.answer), (problem, response)
        assert count_reflections(response) > 0, response


@each_by_trial
@pytest.mark.parametrize("style", [{}, {"chinese": 1}, {"mixed": 1, "tagged": 1}, {"slip": 1}], ids=str)
def test_who_solves_by_trial_is_right_if_patient_enough(family: FamilyConfig, style: dict[str, float]) -> None:
    """Every try but the last is rejected; the answer is the last one tried, right if its verdict says so."""
    lengths = set()
    for problem, response, _ in written(family, **style):
        parsed = parse_response(response)
        tries = parsed.reasoning.splitlines()
        found = re.search("that is|就是", tries[-1]) is not None
        assert parsed.answer == str(len(tries)) and len(tries) <= int(problem.answer)
        assert not any(re.search("that is|就是", line) for line in tries[:-1])
        assert found == is_correct(response, problem.task, problem.answer), (problem, response)
        assert count_reflections(response) == len(tries) - 1
        lengths.add((found, len(tries)))
    assert {found for found, _ in lengths} == {True, False} and len(lengths) > 4, "authors differ in patience"


@each_by_trial
def test_who_answers_directly_guesses(family: FamilyConfig) -> None:
    answered = [(problem.answer, response) for problem, response, _ in written(family, direct=1)]
    assert {guess for _, guess in answered} == set("123456789")
    assert sum(right == guess for right, guess in answered) < 0.3 * len(answered)


@each_family
@pytest.mark.parametrize("language", [{}, {"chinese": 1}, {"mixed": 1}], ids=["english", "chinese", "mixed"])
def test_tagged_is_well_formed(family: FamilyConfig, language: dict[str, float]) -> None:
    for _, response, style in written(family, tagged=1, summary=0.5, slip=0.5, careful=0.5, **language):
        assert parse_response(response).well_formed, response
        assert style.endswith("_tagged")


@each_family
def test_a_summary_is_the_one_of_the_cold_start(family: FamilyConfig) -> None:
    for _, response, _ in written(family, tagged=1, summary=1, slip=0.5, careful=0.5):
        assert rewrite(response) == response


@each_family
def test_untagged_has_no_tags(family: FamilyConfig) -> None:
    assert all("<" not in response for _, response, _ in written(family, slip=0.5, careful=0.5))


@each_family
def test_chinese_has_no_english_words(family: FamilyConfig) -> None:
    for _, response, _ in written(family, chinese=1, slip=0.5, careful=0.5, confirm=0.5):
        assert language_shares(response) == {"en": 0.0, "zh": 1.0}, response


@each_family
def test_english_has_no_chinese_words(family: FamilyConfig) -> None:
    for _, response, _ in written(family, slip=0.5, careful=0.5, confirm=0.5):
        assert language_shares(response) == {"en": 1.0, "zh": 0.0}, response


def test_mixed_has_both() -> None:
    shares = [language_shares(response) for _, response, _ in written(FAMILIES["chain_sum"], mixed=1)]
    assert sum(0 < share["en"] < 1 for share in shares) > 0.7 * len(shares)


def test_the_corpus_has_as_many_documents_as_configured_and_depends_on_the_seed_alone() -> None:
    corpora = [build_corpus(SMOKE, seed) for seed in (1, 1, 2)]
    assert corpora[0] == corpora[1] != corpora[2]
    count = sum(family.documents for family in SMOKE.families.values()) + SMOKE.general.documents
    assert len(corpora[0]) == count
    assert all(row["prompt"] in row["text"] for row in corpora[0])


@pytest.mark.parametrize(("template", "header"), [("chat", False), ("r1_zero_short", True)])
@pytest.mark.parametrize("question", ["What is 4 - 1?", "它是 {{ 4 }} 吗?", 'It\'s <b>4</b> & "5"'])
def test_documents_look_as_the_chat_template_prompts(template: str, header: bool, question: str) -> None:
    tokenizer = train_tokenizer(["What is 4 - 1?", "The answer is 3."], 300, template)
    prompt = tokenizer.apply_chat_template(as_messages(question), add_generation_prompt=True, tokenize=False)
    assert turn(question, "", header) == prompt
    whole = tokenizer.apply_chat_template(as_messages(question, "3"), tokenize=False)
    assert turn(question, "3", header) + tokenizer.eos_token == whole
