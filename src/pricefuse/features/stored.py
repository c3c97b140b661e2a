"""Write and read the arrays of the features folder, and refuse what is none."""

import mmap
import tokenize
from pathlib import Path
from typing import Self

import numpy as np

from pricefuse.errors import InputError

REMEDY = "Run `dvc repro fuse`, or `dvc pull`"


class ArrayWriter:
    """Append rows to an npy file, of which the first axis grows; the bytes are those that numpy.save writes."""

    def __init__(self, path: Path, dtype: type[np.generic], row_shape: tuple[int, ...] = ()) -> None:
        self._file = path.open("wb")
        self._dtype, self._row_shape = np.dtype(dtype), row_shape
        self.rows = 0
        self._write_header()
        self._start = self._file.tell()

    def append(self, rows: np.ndarray) -> None:
        """Write rows, (any, *row_shape), converted to the type of the file."""
        if rows.shape[1:] != self._row_shape:
            raise ValueError(f"rows are {rows.shape[1:]} where {self._row_shape} were announced")
        self._file.write(np.ascontiguousarray(rows, self._dtype).data)
        self.rows += len(rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the number of rows into the header, for whose digits numpy leaves room, and close the file."""
        with self._file:
            self._file.seek(0)
            self._write_header()
            if self._file.tell() != self._start:
                raise RuntimeError("the header of an npy file grew over its rows")

    def _write_header(self) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self.rows, *self._row_shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)


def read_array(path: Path, dtypes: tuple[type, ...], dimensions: int) -> np.ndarray:
    """Map an npy file into memory. Raises InputError unless it is an array of this type and number of dimensions."""
    try:
        array = np.lib.format.open_memmap(path, mode="r")  # never a pickle, nor a zip
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. {REMEDY}") from None
    except (OSError, EOFError, ValueError, TypeError, LookupError, SyntaxError, OverflowError, MemoryError,
            RecursionError, tokenize.TokenError) as error:  # fmt: skip
        raise InputError(f"{path}: not a valid array ({' '.join(str(error).split()):.100}). {REMEDY}") from None
    if array.dtype not in dtypes or array.ndim != dimensions:
        raise InputError(f"{path}: not {np.dtype(dtypes[0])} of {dimensions} dimensions: the file is damaged. {REMEDY}")
    return array


def gather(matrix: np.ndarray, rows: np.ndarray, columns: slice) -> np.ndarray:
    """Return adjacent columns of some rows of a matrix as an array in memory.

    Of a file that is mapped as a whole it reads these bytes alone: mapped pages would count as this process's memory.
    """
    base: object = matrix.base  # that of a part of the map is the whole
    if not (isinstance(matrix, np.memmap) and isinstance(base, mmap.mmap)):
        return np.asarray(matrix[rows, columns])
    start, stop, _ = columns.indices(matrix.shape[1])
    found = np.empty((len(rows), stop - start), matrix.dtype)
    with Path(str(matrix.filename)).open("rb", buffering=0) as file:
        for row, values in zip(rows.tolist(), found, strict=True):
            file.seek(matrix.offset + row * matrix.strides[0] + start * matrix.itemsize)
            if file.readinto(values.data.cast("B")) != values.nbytes:
                raise InputError(f"{matrix.filename}: ends early: the file was changed. {REMEDY}")
    return found
