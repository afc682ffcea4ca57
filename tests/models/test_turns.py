"""The frame of a turn, by the form of published templates: what is opened, learnt, ends, and begins with BOS."""

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, GenerationConfig

from bench.chat_templates import measure
from r1.config.models import BaseConfig
from r1.finetuning.base import adopt_checkpoint
from r1.models.chat import TEMPLATES, WORKED_EXAMPLES, as_messages, with_examples
from r1.models.loading import prompt_ids
from r1.models.policy import Policy
from r1.models.turns import (
    UnusableTurns,
    check_examples_shown,
    cut,
    cut_tokens,
    encode_example,
    end_of_turn,
    first_tokens,
    opened,
    spellings,
    stop_ids,
    stop_strings,
    with_bos,
    with_stop,
)
from tests.models.chat_forms import BLOCK, FORMS, checkpoint_of, tokenizer_of

ASKED, SAID = as_messages("What is 1 + 1?"), BLOCK.format(n=1, m=2)
each_form = pytest.mark.parametrize("name", FORMS)


@each_form
def test_what_is_opened_and_what_ends_are_read_from_the_template(name: str) -> None:
    form, tokenizer = FORMS[name], tokenizer_of(FORMS[name])
    assert opened(tokenizer) == form.opened
    assert tokenizer.convert_ids_to_tokens(end_of_turn(tokenizer)) == form.end
    ends = dict.fromkeys([form.eos, form.end])
    assert tokenizer.convert_ids_to_tokens(stop_ids(tokenizer, None)) == list(ends)


@each_form
def test_reasoning_and_end_are_learnt_once_after_the_prompt_that_generation_sees(name: str) -> None:
    form, tokenizer = FORMS[name], tokenizer_of(FORMS[name])
    example = encode_example(tokenizer, ASKED, SAID)
    start = example["completion_mask"].index(1)
    prompt, learnt = example["input_ids"][:start], example["input_ids"][start:]
    (generating,) = prompt_ids(tokenizer, [ASKED])
    assert prompt == generating
    assert form.opened + str(tokenizer.decode(learnt)) == SAID.replace("<think>", form.opened or "<think>") + form.end
    assert set(example["completion_mask"][start:]) == {1}
    assert str(tokenizer.decode(example["input_ids"])).count("<think>") == 1
    assert prompt.count(tokenizer.bos_token_id) == (form.bos is not None)


@each_form
def test_a_begun_answer_is_what_the_model_would_have_written_so_far(name: str) -> None:
    form, tokenizer = FORMS[name], tokenizer_of(FORMS[name])
    said = (form.opened or "<think>") + "First 1 + 1 ="
    asked, begun = prompt_ids(tokenizer, [ASKED, [*ASKED, *as_messages("", said)[1:]]])
    assert begun[: len(asked)] == asked, "nothing of the prompt changes, and no turn is closed"
    assert form.opened + str(tokenizer.decode(begun[len(asked) :])) == said
    assert prompt_ids(tokenizer, [[*ASKED, *as_messages("", form.opened)[1:]]]) == [asked], "begun with nothing"


@each_form
def test_the_first_tokens_are_those_that_were_generated(name: str) -> None:
    form, tokenizer = FORMS[name], tokenizer_of(FORMS[name])
    said = form.opened + "First 1 + 1 = 2."
    ids = tokenizer("First 1 + 1 = 2.", add_special_tokens=False)["input_ids"]
    for count in range(1, len(ids)):
        assert first_tokens(tokenizer, said, count) == form.opened + str(tokenizer.decode(ids[:count]))
    assert first_tokens(tokenizer, said, len(ids)) == first_tokens(tokenizer, said, 1000) == said


def test_a_character_is_whole_or_gone() -> None:
    tokenizer = tokenizer_of(FORMS["R1-Distill"])
    assert {first_tokens(tokenizer, "1 猫", count) for count in range(1, 9)} == {"1", "1 ", "1 猫"}


def test_words_are_forbidden_wherever_they_begin() -> None:
    tokenizer = tokenizer_of(FORMS["R1-Distill"])
    found = spellings(tokenizer, ["First", "First"])
    texts = {str(tokenizer.decode(ids)) for ids in found}
    assert texts == {"First", " First"} and len(found) == len({tuple(ids) for ids in found}), "the line break is free"


@pytest.mark.parametrize(
    ("completion", "learnt"),
    [
        (SAID, "First 1 + 1 = 2.</think><answer>2</answer>"),
        (f"\n{SAID}", "First 1 + 1 = 2.</think><answer>2</answer>"),
        ("<think>\nFirst.</think>Two.", "First.</think>Two."),
        ("First.</think>Two.", "First.</think>Two."),
        ("Two.", "</think>\n\nTwo."),
    ],
)
def test_a_completion_continues_the_block_that_the_prompt_opened(completion: str, learnt: str) -> None:
    tokenizer = tokenizer_of(FORMS["R1-Distill"])
    example = encode_example(tokenizer, ASKED, completion)
    start = example["completion_mask"].index(1)
    assert tokenizer.decode(example["input_ids"][start:]) == learnt + FORMS["R1-Distill"].end


@pytest.mark.parametrize("template", [*TEMPLATES, None])
@pytest.mark.parametrize("name", ["Llama 3", "Gemma 3", "R1-Distill", "Qwen2.5 base"])
def test_bos_is_there_once_under_our_templates_too(name: str, template: str | None) -> None:
    tokenizer = tokenizer_of(FORMS[name])
    if template is not None:
        tokenizer.chat_template = TEMPLATES[template]
    tokenizer.chat_template = with_bos(tokenizer)
    assert tokenizer.chat_template == with_bos(tokenizer), "once"
    ids = encode_example(tokenizer, ASKED, SAID)["input_ids"]
    expected = [tokenizer.bos_token_id] if FORMS[name].bos else []
    assert [token for token in ids if token == tokenizer.bos_token_id] == expected == ids[: len(expected)]


def test_a_second_bos_is_refused() -> None:
    tokenizer = tokenizer_of(FORMS["Gemma 3"])
    tokenizer.chat_template = "{{ bos_token }}" + FORMS["Gemma 3"].template
    with pytest.raises(UnusableTurns, match="begins with '<bos>' twice"):
        with_bos(tokenizer)


def test_a_turn_that_nothing_ends_is_refused() -> None:
    tokenizer = tokenizer_of(FORMS["Qwen3"])
    tokenizer.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    assert end_of_turn(tokenizer) == tokenizer.eos_token_id
    tokenizer.eos_token = None
    with pytest.raises(UnusableTurns, match="no token ends the assistant's turn"):
        end_of_turn(tokenizer)


@pytest.mark.parametrize(
    ("name", "shown"), [("Qwen2.5 base", True), ("Llama 3", True), ("Qwen3", False), ("DeepSeek-V3", False)]
)
def test_worked_examples_that_a_template_strips_are_refused(name: str, shown: bool) -> None:
    tokenizer = tokenizer_of(FORMS[name])
    tokenizer.chat_template = with_examples(FORMS[name].template, 1)
    answers = [WORKED_EXAMPLES[0][1]]
    if shown:
        check_examples_shown(tokenizer, answers)
    else:
        with pytest.raises(UnusableTurns, match=r"^base.worked_examples: "):
            check_examples_shown(tokenizer, answers)


def test_a_stop_string_is_part_of_the_template_and_of_no_prompt() -> None:
    tokenizer = tokenizer_of(FORMS["Llama 3"])
    plain = tokenizer.apply_chat_template(ASKED, tokenize=False)
    assert stop_strings(tokenizer) == []
    tokenizer.chat_template = with_stop(str(tokenizer.chat_template), "</answer>")
    assert stop_strings(tokenizer) == ["</answer>"]
    assert tokenizer.apply_chat_template(ASKED, tokenize=False) == plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<answer>4</answer>\nUser: <answer>5</answer>", ("<answer>4</answer>", True)),
        ("<answer>4</answer>", ("<answer>4</answer>", True)),
        ("<answer>4", ("<answer>4", False)),
    ],
)
def test_text_ends_with_the_first_stop_string(text: str, expected: tuple[str, bool]) -> None:
    assert cut(text, ["</answer>"]) == expected
    assert cut(text, []) == (text, False)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_tokens_end_with_the_stop_string_and_without_padding(after: int) -> None:
    tokenizer = tokenizer_of(FORMS["Llama 3"])
    ids = tokenizer("<answer>4</answer>", add_special_tokens=False)["input_ids"]
    padded = ids + [tokenizer.pad_token_id] * after
    assert cut_tokens(tokenizer, padded, ["</answer>"]) == ids
    assert cut_tokens(tokenizer, padded, []) == padded


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "template", "stops", "bos"),
    [
        ("Qwen2.5 base", None, [], False),
        ("Qwen2.5 base", "r1_zero", ["</answer>"], False),
        ("Llama 3", "r1_zero_short", ["</answer>"], True),
        ("Llama 3", "chat", [], True),
        ("Gemma 3", None, [], True),
    ],
)
def test_an_adopted_base_declares_what_ends_its_turns(
    name: str, template: str | None, stops: list[str], bos: bool, tmp_path: Path
) -> None:
    values = {"architecture": None, "pretraining": None, "chat_template": template, "worked_examples": 0}
    config = BaseConfig.model_validate({**values, "checkpoint": str(checkpoint_of(FORMS[name], tmp_path / "theirs"))})
    adopted, _ = adopt_checkpoint(config, tmp_path / "curve.csv")
    adopted.save(tmp_path / "ours")
    policy, form = Policy(tmp_path / "ours"), FORMS[name]
    end = form.end if template is None else form.eos
    declared = GenerationConfig.from_pretrained(policy.directory).eos_token_id
    ids = policy.tokenizer.convert_tokens_to_ids(list(dict.fromkeys([form.eos, end])))
    assert ([declared] if isinstance(declared, int) else declared) == policy.stop_ids == ids
    assert policy.stop_strings == stops
    (prompt,) = policy.prompt_ids([ASKED])
    assert prompt.count(policy.tokenizer.bos_token_id) == bos
    assert AutoTokenizer.from_pretrained(policy.directory).chat_template == policy.tokenizer.chat_template


@pytest.mark.slow
@pytest.mark.parametrize("name", ["R1-Distill", "Llama 3"])
def test_it_learns_to_reason_and_to_stop_and_is_paid(name: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    row = measure(FORMS[name], tmp_path)
    assert row.is_right(FORMS[name]), row
