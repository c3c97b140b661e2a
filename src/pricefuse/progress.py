"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import sys
from typing import Any, TextIO

from tqdm import tqdm

LINE_EVERY_S = 30.0
_LINE = (
    "{desc}: {n_fmt} of {total_fmt} {unit}s ({percentage:.0f}%), {elapsed} gone, {remaining} left, {rate_fmt}{postfix}"
)


def progress(iterable: Any = None, *, total: int | None = None, title: str, unit: str) -> Any:
    """Return a progress bar (tqdm) over `iterable`, or over `total` steps of `update`, on standard error.

    Where that is no terminal, as under CI or in `dvc queue logs`, it writes a line each LINE_EVERY_S seconds, and
    nothing for work that is done before.
    """
    file = sys.stderr
    if file.isatty():
        return tqdm(iterable, desc=title, total=total, unit=unit, smoothing=0.1, file=file)
    return _Lines(iterable, desc=title, total=total, unit=unit, file=file)


class _Lines(tqdm):  # type: ignore[misc]  # tqdm has no types here
    """Progress as lines: no carriage return, and nothing at the end that was not asked for."""

    def __init__(self, iterable: Any, *, file: TextIO, **options: Any) -> None:
        super().__init__(
            iterable, file=file, mininterval=LINE_EVERY_S, miniters=1, delay=LINE_EVERY_S, bar_format=_LINE,
            smoothing=0, **options,
        )  # fmt: skip

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:  # noqa: ARG002 - tqdm's signature
        """Write a line."""
        self.fp.write(f"{self}\n")
        self.fp.flush()
        return True

    def close(self) -> None:
        """End without a last line, and without clearing any."""
        self._decr_instances(self)
