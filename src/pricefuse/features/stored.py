"""Read an array of the features folder, and refuse what is none."""

import tokenize
from pathlib import Path

import numpy as np

from pricefuse.errors import InputError

REMEDY = "Run `dvc repro fuse`, or `dvc pull`"


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
