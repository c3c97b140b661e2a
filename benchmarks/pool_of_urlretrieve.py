"""Fetch files as the seed did: 100 processes call urlretrieve, and print a warning where it fails.

    python benchmarks/pool_of_urlretrieve.py FOLDER < LINKS

A script of its own, as the seed's was: of a process that has imported more, a hundred forks can fill the memory.
"""

import sys
import urllib.request
from functools import partial
from multiprocessing import Pool
from pathlib import Path


def retrieve(link: str, folder: Path) -> None:
    try:
        urllib.request.urlretrieve(link, folder / "-".join(link.rsplit("/", 2)[1:]))  # noqa: S310 - our own server
    except OSError as error:
        print(f"Warning: Not able to download - {link}\n{error}")


if __name__ == "__main__":
    with Pool(100) as pool:
        list(pool.imap(partial(retrieve, folder=Path(sys.argv[1])), sys.stdin.read().split()))
