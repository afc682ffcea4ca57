"""`python -m r1 chat`: questions from the terminal or a pipe, answers as they are generated."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from rich.text import Text

from r1.finished import find_model
from r1.models.chat import as_messages
from r1.reporting.terminal import SafeConsole, empty_table, safe
from r1.support.artifacts import check_whole
from r1.support.errors import UserError
from r1.talk.parts import Part, Parts, split
from r1.talk.speaker import Drawing, Speaker

HELP = "/compare NAME … the last question to these models, side by side   /new   /seed N   /quit"
_WIDTH = 7
_STYLES: dict[str, str] = {"think": "dim", "answer": "bold"}


class Printer:
    """Prints streamed text under its part's name, one name per part and an indent for its further lines."""

    def __init__(self, console: SafeConsole) -> None:
        self.console, self.part, self.waiting = console, "", ""

    def write(self, part: str, text: str) -> None:
        """Print more of a part; white space around a part is left out."""
        if part != self.part:
            self.close()
            text = text.lstrip()
            if not text:
                return
            self.part = part
            self._put(f"{part:>{_WIDTH}} │ ", "cyan")
        text = self.waiting + text
        shown = text.rstrip()
        self.waiting = text[len(shown) :]
        for number, line in enumerate(shown.split("\n")):
            if number:
                self._put(f"\n{'':>{_WIDTH}} │ ", "cyan")
            self._put(line, _STYLES.get(part, ""))

    def close(self) -> None:
        """End the part's last line."""
        if self.part:
            self._put("\n", "")
        self.part = self.waiting = ""

    def _put(self, text: str, style: str) -> None:
        self.console.print(Text(text, style), end="", soft_wrap=True)


@dataclass
class Chat:
    """A conversation with one model.

    Attributes:
        open_model: loads a model by name.
        history: questions and whole answers; what a later prompt shows of them is for the chat template to say.
    """

    speaker: Speaker
    drawing: Drawing
    seed: int
    console: SafeConsole
    open_model: Callable[[str], Speaker]
    history: list[dict[str, str]] = field(default_factory=list)
    question: str | None = None

    def take(self, line: str) -> bool:
        """Answer a question or obey a command; False after /quit. A mistake is one line, and the chat goes on."""
        command, *words = line.split()
        try:
            if command == "/quit":
                return False
            if command == "/new":
                self.history.clear()
            elif command == "/seed":
                self.seed = _seed(words)
            elif command == "/compare":
                self._compare(words)
            elif command.startswith("/"):
                self._say(f"{command}: no such command. {HELP}")
            else:
                self._answer(line)
        except UserError as error:
            self._say(f"error: {error}")
        return True

    def _answer(self, question: str) -> None:
        self.question = question
        asked = [*self.history, *as_messages(question)]
        while len(asked) > 1 and self.speaker.room(asked) < (self.drawing.max_new_tokens or 1):
            del asked[:2]
            self._say("(the oldest question and its answer no longer fit in the context)")
        printer, said = Printer(self.console), self.speaker.opened
        parts = Parts(bool(self.speaker.opened), self.speaker.hidden)
        try:
            with closing(self.speaker.answer(asked, self.drawing, self.seed)) as pieces:  # type: ignore[type-var]
                for piece in pieces:
                    said += piece
                    for part, text in parts.feed(piece):
                        printer.write(part, text)
            for part, text in parts.finish():
                printer.write(part, text)
        except KeyboardInterrupt:  # ends this answer, not the chat
            printer.write(printer.part or "answer", "\n(stopped)")
        finally:
            printer.close()
        self.history = [*asked, {"role": "assistant", "content": said}]

    def _compare(self, names: list[str]) -> None:
        """The last question, without what was said before it, to several models with the same seed."""
        if not names:
            raise UserError("/compare takes names of models, such as: /compare base zero r1")
        if self.question is None:
            raise UserError("/compare repeats the last question; ask one first")
        found: list[dict[Part, str]] = []
        for name in dict.fromkeys(names):
            speaker = self.speaker if name == self.speaker.name else self.open_model(name)
            text = "".join(speaker.answer(as_messages(self.question), self.drawing, self.seed))
            found.append(split(text, bool(speaker.opened), speaker.hidden))
        self._say(f"{self.question}  (seed {self.seed})")
        table = empty_table(("", *dict.fromkeys(names)), ())
        for part in ("think", "answer"):
            table.add_row(part, *(safe(one[part], _STYLES[part]) for one in found))
        self.console.print(table)

    def _say(self, text: str) -> None:
        self.console.print(safe(text, "yellow"), soft_wrap=True)


def chat(name: str, drawing: Drawing, seed: int) -> None:
    """Talk to a model until the end of the input.

    Args:
        name: of a model, such as `zero`.
        drawing: how answers are drawn.
        seed: the same for every answer: the same question on its own gets the same answer.

    Raises:
        NoSuchModel: if there is none.
        BrokenArtifact: if its files are not those that its stage wrote.
    """
    console = SafeConsole(highlight=False)
    talk = Chat(_opened(name), drawing, seed, console, _opened)
    interactive = sys.stdin.isatty()
    if interactive:
        console.print(safe(f"{talk.speaker.name}, seed {seed}.   {HELP}", "dim"))
    for line in _typed() if interactive else sys.stdin:
        if not (line := line.strip()):
            continue
        if not interactive:
            console.print(safe(f"{'you':>{_WIDTH}} │ {line}"), soft_wrap=True)
        if not talk.take(line):
            break


def _opened(name: str) -> Speaker:
    model = find_model(name)
    check_whole(model.directory)
    return Speaker(model)


def _typed() -> Iterator[str]:
    import readline  # noqa: F401  # gives input() a history and line editing

    while True:
        try:
            yield input(f"{'you':>{_WIDTH}} │ ")
        except EOFError:
            print()
            return


def _seed(words: list[str]) -> int:
    if len(words) == 1 and words[0].isdecimal() and int(words[0]) < 2**31:
        return int(words[0])
    raise UserError("/seed takes a number from 0 to 2147483647")
