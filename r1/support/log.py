"""Log messages of a run, one line per event, through `logging`.

Modules use `log = logging.getLogger(__name__)`; the entry point calls `configure`. Other libraries log only errors,
unless their own environment variables, such as VLLM_LOGGING_LEVEL, say otherwise.
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
    """Writes to standard output, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr.isatty():
            tqdm.write(self.format(record), file=sys.stdout)
        else:  # tqdm would redraw its bars, which are log lines here
            print(self.format(record), flush=True)


class _Format(logging.Formatter):
    """Prefixes messages with `warning:` or `error:`, and with the time of day unless on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        time = "" if sys.stdout.isatty() else f"{self.formatTime(record, '%H:%M:%S')} "
        return f"{time}{level}{super().format(record)}"


def configure() -> None:
    """Send r1's messages to standard output and silence the libraries.

    Call it before importing them: they read their environment variables on import.
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
