"""Shared n-grams are found wherever they stand, however they are written, and nothing else is."""

import random

import pytest

from r1.data import decontamination
from r1.data.decontamination import EvaluationNgrams, words
from r1.tasks import normalise

ASKED = "A train leaves Rome at noon and goes 60 miles an hour. When is it in Pisa?"
QUOTE = ASKED.split()[:8]
REST = ["so", "we", "count", "all", "that", "is", "left", "and", "write", "it", "down", "as", "one", "number"]
CHINESE = "小明有15个苹果，他吃了3个，还剩几个？"


def shared(evaluation: str, training: str, n: int = 8) -> bool:
    index = EvaluationNgrams(n)
    index.add("test", [evaluation])
    return index.shared_by(training) == ["test"]


@pytest.mark.parametrize("before", [0, 5, len(REST)], ids=["start", "middle", "end"])
@pytest.mark.parametrize("n", [8, 10, 13])
def test_a_quote_is_found_wherever_it_stands(before: int, n: int) -> None:
    quote = ASKED.split()[2 : 2 + n]
    assert shared(ASKED, " ".join(REST[:before] + quote + REST[before:]), n)


@pytest.mark.parametrize(
    "quote",
    [
        "a TRAIN leaves rome AT noon AND goes",
        "A train, leaves Rome; at noon -- no: noon. a train leaves rome at noon and goes!",
        "A\ntrain\r\nleaves\t Rome at\n\nnoon and  goes",
        '(**A** train) leaves $Rome$ at \\noon and "goes"',
        "Ａ train leaves Ｒｏｍｅ at noon and goes",
    ],
    ids=["case", "punctuation", "line-breaks", "markup", "full-width"],
)
def test_a_quote_is_found_however_it_is_written(quote: str) -> None:
    assert shared(ASKED, f"Listen. {quote} fast.")


@pytest.mark.parametrize("n", [8, 10, 13])
def test_a_word_less_is_no_contamination(n: int) -> None:
    quote = ASKED.split()[: n - 1]
    assert not shared(ASKED, " ".join(["the", *quote, *REST]), n)
    assert not shared(ASKED, " ".join([*quote[:4], "slowly", *quote[4:], *quote[1:]]), n), "in two pieces"
    assert not shared(ASKED, " ".join(reversed(ASKED.split())), n), "in another order"


@pytest.mark.parametrize(
    ("training", "found"),
    [
        ("what is 1 + 2", True),
        ("WHAT IS\n1 + 2!", True),
        ("So, what is 1 + 2?", False),
        ("What is 1 + 2? " + " ".join(REST), False),
        ("2 + 1 is what?", False),
        ("What is 1", False),
    ],
)
def test_short_prompts_are_compared_as_a_whole(training: str, found: bool) -> None:
    assert shared("What is 1 + 2?", training) is found


def test_n_words_are_one_ngram() -> None:
    assert shared(" ".join(QUOTE), ASKED) and shared(ASKED, " ".join(QUOTE))
    assert not shared(" ".join(QUOTE[:7]), ASKED), "fewer words: as a whole"


@pytest.mark.parametrize("nothing", ["", " \n", "?!"])
def test_nothing_is_shared_with_nothing(nothing: str) -> None:
    assert not shared(nothing, nothing) and not shared(nothing, ASKED) and not shared(ASKED, nothing)
    assert EvaluationNgrams(8).shared_by(ASKED) == []


def test_chinese_is_compared_by_characters() -> None:
    assert words("他吃了3个,还剩几个") == ["他", "吃", "了", "3", "个", "还", "剩", "几", "个"]
    assert shared(CHINESE, "请问：小明有 15 个苹果，他给了小红两个。")
    assert not shared(CHINESE, "小红有15个苹果，他给了小明3个。")
    assert shared("一加二是几", "一加二，是几？") and not shared("一加二是几", "请问一加二是几")
    assert shared("りんごが５つあります", "そこにりんごが5つあり、")


def test_words_are_those_of_normalise_elsewhere() -> None:
    for text in (ASKED, "Crème brûlée für 5 €?", "сколько будет 5 + 2?", "f(x)=x*x, \\frac{1}{2}", "(8 - 6) - 3"):
        assert words(text) == normalise(text).split()


def test_each_evaluation_set_is_named_once() -> None:
    index = EvaluationNgrams(8)
    index.add("a", [ASKED])
    index.add("b", [ASKED, "another"])
    index.add("a", [" ".join(REST)])
    assert index.names == ["a", "b"] and index.shared_by(ASKED) == ["a", "b"] and index.shared_by("Another!") == ["b"]
    assert index.count([ASKED, " ".join(REST), "new"]) == {
        "prompts": 3, "contaminated": 2, "contaminated_by": {"a": 2, "b": 1},
    }  # fmt: skip


def test_training_prompts_are_not_kept() -> None:
    index = EvaluationNgrams(8)
    index.add("test", [ASKED])
    before = dict(index._codes), dict(index._sets)
    index.count(f"{ASKED} {number}" for number in range(100))
    assert (index._codes, index._sets) == before


def test_hashes_are_the_same_in_every_process() -> None:
    assert decontamination._code("train") == 5661189601110975161
    assert list(decontamination._hashes([1, 2], 8)) == [decontamination._BASE + 2]


@pytest.mark.parametrize("seed", range(20))
def test_it_agrees_with_comparing_tuples_and_words_elsewhere_change_nothing(seed: int) -> None:
    """Few words, so that n-grams are shared often, and repeat within a prompt."""
    chance = random.Random(seed)

    def prompt(vocabulary: str = "abc") -> list[str]:
        return chance.choices(vocabulary, k=chance.randint(0, 24))

    def ngrams(text: list[str]) -> set[tuple[str, ...]]:
        return {tuple(text[at : at + 8]) for at in range(max(1, len(text) - 7))} - {()}

    evaluation = [prompt() for _ in range(20)]
    expected = set().union(*map(ngrams, evaluation))
    index = EvaluationNgrams(8)
    index.add("test", map(" ".join, evaluation))
    found = 0
    for _ in range(300):
        text = prompt("abcd" if chance.random() < 0.5 else "abc")
        contaminated = not expected.isdisjoint(ngrams(text))
        assert bool(index.shared_by(" ".join(text))) is contaminated, text
        at = next((at for at in range(len(text) - 7) if tuple(text[at : at + 8]) in expected), None)
        if at is not None:
            found += 1
            for place in [*range(at + 1), *range(at + 8, len(text) + 1)]:  # anywhere but inside what is shared
                assert index.shared_by(" ".join([*text[:place], chance.choice("abz"), *text[place:]])), (text, place)
    assert found > 5
