"""Do what every stage script does: read its paths, report what went wrong, and exit with the right status.

Import this module before third-party packages, as the order of imports in pyproject.toml does: it imports nothing that
takes long, and from then on Ctrl-C ends in one line, also while the others are being imported.
"""

import argparse
import errno
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from pricefuse.errors import InputError
from pricefuse.timings import note_seconds

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # the disk, the user's share of it, the limit on a file's size


AGAIN = "run `dvc repro` again to go on from here"


class Terminated(KeyboardInterrupt):
    """SIGTERM: like Ctrl-C, no `except Exception` stops it on its way, and every `finally` runs."""


def paths(description: str | None, *names: str) -> list[Path]:
    """Return the paths given on the command line as `--name path`, all required, in the order of `names`.

    Paths stand in dvc.yaml and nowhere else, so that it reads as the diagram of what flows where.
    """
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    return [getattr(given, name.replace("-", "_")) for name in names]


def run(main: Callable[[], None], again: str = AGAIN) -> None:
    """Run `main`; exit 1 with one message for what the user can correct, 130 for SIGINT and 143 for SIGTERM.

    DVC takes a stage that exits with 0 as done, so that nothing here may turn a failure into success. Defects keep
    their traceback. `again` says what to do after an interruption. How long a stage took is noted in tmp/seconds.
    """
    started = time.monotonic()
    try:
        with _raise_on_sigterm():
            main()
        note_seconds(time.monotonic() - started)
    except InputError as error:
        _exit(1, f"error: {error}")
    except KeyboardInterrupt as error:
        _exit_interrupted(error, again)
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = error.filename or error
        _exit(1, f"error: no space left on the disk or within its limits ({place}). Free some and {again}")


@contextmanager
def _raise_on_sigterm() -> Iterator[None]:
    """Raise Terminated at the first SIGTERM; a second one ends the process at once, should cleaning up hang."""

    def terminate(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_interrupted(error: KeyboardInterrupt, again: str = AGAIN) -> NoReturn:
    name, number = ("terminated", signal.SIGTERM) if isinstance(error, Terminated) else ("interrupted", signal.SIGINT)
    _exit(128 + number, f"{name}: {again}")  # as a shell reports a signal


def _report_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        _exit_interrupted(error)
    sys.__excepthook__(kind, error, trace)


def _exit(status: int, message: str) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(status)


sys.excepthook = _report_uncaught  # for what happens before `run`: imports
