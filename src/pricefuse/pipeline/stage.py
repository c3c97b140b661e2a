"""What every stage script does alike: read its paths, say what went wrong, and leave with the right exit status."""

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from pricefuse.errors import InputError

INTERRUPTED = 128 + 2  # as a shell reports SIGINT
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # the disk, the user's share of it, the limit on a file's size


def paths(description: str | None, *names: str) -> list[Path]:
    """Return the paths given on the command line as `--name path`, all required, in the order of `names`.

    Paths stand in dvc.yaml and nowhere else, so that it reads as the diagram of what flows where.
    """
    parser = argparse.ArgumentParser(description=description)
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    return [getattr(given, name.replace("-", "_")) for name in names]


def run(main: Callable[[], None]) -> None:
    """Run `main`; exit 1 with one message for what the user can put right, 130 for an interrupt.

    DVC takes a stage that exits with 0 as done, so that nothing here may turn a failure into success. Defects keep
    their traceback.
    """
    try:
        main()
    except InputError as error:
        _leave(1, f"error: {error}")
    except KeyboardInterrupt:
        _leave(INTERRUPTED, "interrupted: run `dvc repro` again to go on from here")
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = error.filename or error
        _leave(
            1, f"error: no space left on the disk or within its limits ({place}). Free some and run `dvc repro` again"
        )


def _leave(status: int, message: str) -> NoReturn:
    print(message, file=sys.stderr, flush=True)
    sys.exit(status)
