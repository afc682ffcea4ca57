"""A chat through a pipe, with a real tiny model and with a scripted one."""

import io
from collections.abc import Iterator
from typing import Any

import pytest

from r1.finished import Finished
from r1.reporting.terminal import SafeConsole
from r1.support.errors import UserError
from r1.talk.chat import Chat
from r1.talk.speaker import Conversation, DoesNotFit, Drawing, Speaker
from tests.random_models import random_model

GREEDY = Drawing(0.0, 1.0, 8)


class Scripted:
    """Says its lines, a piece of three characters at a time; a hundred characters are its context."""

    hidden = ("<|end|>",)

    def __init__(self, *lines: str, name: str = "zero", opened: str = "") -> None:
        self.lines, self.name, self.opened = iter(lines), name, opened
        self.asked: list[Conversation] = []
        self.seeds: list[int] = []

    def room(self, conversation: Conversation) -> int:
        return 100 - sum(len(message["content"]) for message in conversation)

    def answer(self, conversation: Conversation, drawing: Drawing, seed: int) -> Iterator[str]:
        self.asked.append(list(conversation))
        self.seeds.append(seed)
        line = next(self.lines)
        yield from (line[start : start + 3] for start in range(0, len(line), 3))


def talk(speaker: Any, *lines: str, others: dict[str, Any] | None = None) -> str:
    """What is printed for these lines."""
    printed = io.StringIO()
    console = SafeConsole(file=printed, width=80, highlight=False)

    def open_model(name: str) -> Any:
        if name not in (others or {}):
            raise UserError(f"no model is named {name!r}")
        return (others or {})[name]

    chat = Chat(speaker, GREEDY, 0, console, open_model)
    for line in lines:
        if not chat.take(line):
            break
    return printed.getvalue()


def test_the_think_block_stands_apart_from_the_answer() -> None:
    shown = talk(Scripted("<think>First 1 + 1 = 2.\nThen 3.</think>\n<answer>3</answer><|end|>"), "What is 1 + 1 + 1?")
    assert shown == "  think │ First 1 + 1 = 2.\n        │ Then 3.\n answer │ 3\n"


def test_a_think_block_that_the_prompt_opened_is_recognised() -> None:
    assert talk(Scripted("so</think>3", opened="<think>\n"), "?") == "  think │ so\n answer │ 3\n"


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert "\x1b" not in talk(Scripted("\x1b[2Jgone"), "?")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["/compare base"], "ask one first"),
        (["?", "/compare"], "takes names"),
        (["?", "/compare bse"], "no model is named 'bse'"),
        (["/seed one"], "a number"),
        (["/seed 2147483648"], "a number"),
        (["/help"], "/help: no such command. /compare"),
    ],
)
def test_a_mistake_is_one_line_and_the_chat_goes_on(lines: list[str], says: str) -> None:
    shown = talk(Scripted("first", "last"), *lines, "one more")
    assert says in shown and shown.rstrip().endswith(("│ first", "│ last"))


def test_models_are_compared_side_by_side_with_one_seed() -> None:
    zero, base = Scripted("a", "<think>ways</think>5"), Scripted("wild guess", name="base")
    shown = talk(zero, "/seed 4", "What is 2 + 3?", "/compare base zero base", others={"base": base})
    assert base.asked == [[{"role": "user", "content": "What is 2 + 3?"}]] and base.seeds == [4] == zero.seeds[1:]
    rows = [line.split() for line in shown.splitlines()]
    assert ["base", "zero"] in rows and ["think", "ways"] in rows and ["answer", "wild", "guess", "5"] in rows


def test_the_history_is_whole_until_it_no_longer_fits_or_is_dropped() -> None:
    speaker = Scripted("<think>t</think>A", "B", "C", "D", opened="")
    shown = talk(speaker, "one", "two", "x" * 80, "/new", "four", "/quit", "never asked")
    assert [[message["content"] for message in asked] for asked in speaker.asked] == [
        ["one"],
        ["one", "<think>t</think>A", "two"],
        ["two", "B", "x" * 80],
        ["four"],
    ]
    assert shown.count("no longer fit") == 1


def test_an_interrupted_answer_leaves_the_chat_running() -> None:
    class Interrupted(Scripted):
        def answer(self, conversation: Conversation, drawing: Drawing, seed: int) -> Iterator[str]:
            yield "half an "
            raise KeyboardInterrupt

    shown = talk(Interrupted(), "one", "/bogus")
    assert "│ half an" in shown and "│ (stopped)\n" in shown and "no such command" in shown


@pytest.fixture(scope="module")
def speaker(tmp_path_factory: pytest.TempPathFactory) -> Speaker:
    return Speaker(Finished("tiny", random_model("qwen3", tmp_path_factory.mktemp("chat") / "tiny"), {}))


def test_a_model_streams_the_same_answer_for_the_same_seed(speaker: Speaker) -> None:
    warm, asked = Drawing(1.0, 0.95, 12), [{"role": "user", "content": "What is 1 + 3?"}]
    first, again, other = ("".join(speaker.answer(asked, warm, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_a_reader_that_leaves_ends_the_generation(speaker: Speaker) -> None:
    import threading

    asked = [{"role": "user", "content": "What is 1 + 3?"}]
    pieces = speaker.answer(asked, Drawing(1.0, 1.0, None), 0)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # returns only once the thread has ended
    assert not [thread for thread in threading.enumerate() if thread.name.endswith("(generate)")]


def test_a_conversation_without_room_is_refused(speaker: Speaker) -> None:
    with pytest.raises(DoesNotFit, match="tiny: this leaves no room"):
        next(speaker.answer([{"role": "user", "content": "1 " * 3000}], GREEDY, 0))


def test_what_fails_in_the_generation_is_raised_here(speaker: Speaker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(speaker.model, "generate", fail)
    with pytest.raises(MemoryError):
        list(speaker.answer([{"role": "user", "content": "?"}], GREEDY, 0))
