"""Messages of a run: one line an event, through `logging`.

A module says `log = logging.getLogger(__name__)`; whoever starts a run calls `configure`. Other libraries keep quiet
unless something is wrong: their own variables, such as VLLM_LOGGING_LEVEL, bring their messages back.
"""

import logging
import os
import sys
import warnings

from tqdm import tqdm

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "VLLM_LOGGING_LEVEL": "ERROR",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",  # transformers' bars too: "Loading weights", "Writing model shards"
}


class _Lines(logging.Handler):
    """Writes to standard output, above a bar that may stand there."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr.isatty():
            tqdm.write(self.format(record), file=sys.stdout)
        else:  # tqdm would redraw the bars, which are lines of the log here
            print(self.format(record), flush=True)


class _Format(logging.Formatter):
    """The message, behind `warning:` or `error:`; in a file, behind the time of day too."""

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        time = "" if sys.stdout.isatty() else f"{self.formatTime(record, '%H:%M:%S')} "
        return f"{time}{level}{super().format(record)}"


def configure() -> None:
    """Send r1's messages to standard output and quieten the libraries.

    To be called before they are imported, which is when they read their variables.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    warnings.filterwarnings("ignore", category=FutureWarning)
    logger = logging.getLogger("r1")
    logger.setLevel(logging.INFO)
    if not any(isinstance(handler, _Lines) for handler in logger.handlers):
        handler = _Lines()
        handler.setFormatter(_Format("%(message)s"))
        logger.addHandler(handler)
