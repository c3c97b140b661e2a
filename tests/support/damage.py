"""Ways to damage a file, and what may follow: one clear line, or the same result."""

import random

import numpy as np

from pricefuse.errors import InputError


def _flip(content, position):
    return content[:position] + bytes([content[position] ^ (1 << position % 8)]) + content[position + 1 :]


def _flips(content, count=6):
    draw = random.Random(len(content))
    places = [0, 1, 8, len(content) // 2, len(content) - 1, *(draw.randrange(len(content)) for _ in range(count))]
    return {f"flip {place}": _flip(content, place) for place in places if place < len(content)}


def damaged(content):
    """Return damaged versions of a file's content by the name of the damage, None for a file that is deleted."""
    draw = random.Random(1)
    noise = draw.randbytes(30)
    versions = {
        "deleted": None,
        "empty": b"",
        "half": content[: len(content) // 2],
        "a byte short": content[:-1],
        "first bytes": content[:9],
        "noise": noise,
        "noise inside": content[: len(content) // 3] + noise + content[len(content) // 3 + 30 :],
        "appended": content + noise,
        "twice": content * 2,
        "zeros": bytes(len(content)),
        "object": b"{}",
        "list": b"[]",
        "null": b"null",
        "nested": b"[" * 100_000,
        "not UTF-8": b"\xff\xfe" + content,
        "zip": b"PK\x03\x04" + content,
        "huge header": b"\xff" * 7 + b"\x7f" + content[8:],
    }
    return versions | _flips(content)


def json_changes(value, place=()):
    """Yield place and new value for every part of a JSON value: other types, numbers beyond reason, nothing."""
    for new in (None, "x", -1, 0, 1e308, -1e308, 10**30, True, [], {}, [[]], "../x"):
        yield place, new
    if isinstance(value, dict | list):
        for key, part in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield from json_changes(part, (*place, key))


DELETED = object()


def changed(value, place, new):
    """Return a copy of a JSON value with `new` in `place`, or without it for DELETED."""
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(place) == 1 and new is DELETED:
        del copy[place[0]]
    else:
        copy[place[0]] = changed(copy[place[0]], place[1:], new)
    return copy


def array_changes(array):
    """Return other arrays by the name of the change; those of REFUSED are none that a model can have."""
    found = {
        "another type": np.zeros(array.shape, np.int16),
        "one axis more": array[None],
        "long": np.concatenate([array.ravel()] * 2),
    }
    if array.size:
        first = np.zeros(array.shape, bool)
        first.flat[0] = True
        values = {"f": [np.nan, np.inf, -1, 1e30], "u": [255, 3], "i": [-1, 1, 2**31 - 1, -(2**31)]}[array.dtype.kind]
        if array.dtype.kind in "iu":
            values = np.clip(values, np.iinfo(array.dtype).min, np.iinfo(array.dtype).max).tolist()
        found |= {f"first is {value}": np.where(first, array.dtype.type(value), array) for value in values}
        found["reversed"] = np.ascontiguousarray(array.ravel()[::-1].reshape(array.shape))
        found["a row short"] = array[:-1] if array.ndim else array.reshape(1)
    return found


REFUSED = ("another type", "one axis more", "a row short", "first is nan")


def refused_or(run):
    """Return what `run` returns, or the message of its InputError, which has to be one clear line."""
    try:
        return run()
    except InputError as error:
        message = str(error)
        assert "\n" not in message, message
        assert len(message) < 700, message
        assert "`dvc " in message, message
        return message
