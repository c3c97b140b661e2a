"""Progress of long work: a bar on a terminal, a line each half minute in a log."""

import sys
import threading
from typing import Any, TextIO

from tqdm import tqdm

LINE_EVERY_S = 30.0
_LINE = "{desc}: {n_fmt} of {total_fmt} {unit}s ({percentage:.0f}%), {elapsed} gone, {remaining} left{postfix}"


def progress(iterable: Any = None, *, total: int | None = None, title: str, unit: str) -> Any:
    """Return a progress bar (tqdm) over `iterable`, or over `total` steps of `update`, on standard error.

    Where that is no terminal, as under CI or in `dvc queue logs`, it writes a line each LINE_EVERY_S seconds, however
    long a step takes, and nothing for work that is done before.
    """
    file = sys.stderr
    if file.isatty():
        return tqdm(iterable, desc=title, total=total, unit=unit, smoothing=0.1, file=file)
    return _Lines(iterable, desc=title, total=total, unit=unit, file=file)


class _Lines(tqdm):  # type: ignore[misc]  # tqdm has no types here
    """Progress as lines that a thread writes: `update` only counts, and nothing is left at the end."""

    def __init__(self, iterable: Any, *, file: TextIO, **options: Any) -> None:
        super().__init__(iterable, file=file, delay=float("inf"), bar_format=_LINE, smoothing=0, **options)
        self._ended = threading.Event()
        threading.Thread(target=self._write_lines, daemon=True).start()

    def _write_lines(self) -> None:
        while not self._ended.wait(LINE_EVERY_S):
            self.fp.write(f"{self}\n")
            self.fp.flush()

    def __iter__(self) -> Any:
        """Yield from the iterable; tqdm itself would count only once a bar is shown."""
        try:
            for item in self.iterable:
                yield item
                self.update()
        finally:
            self.close()

    def refresh(self, *_: Any, **__: Any) -> bool:
        """Write nothing: the next line will show it."""
        return True

    def close(self) -> None:
        """End without a last line."""
        self._ended.set()
        self._decr_instances(self)
