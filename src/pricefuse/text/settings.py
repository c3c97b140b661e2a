"""Settings of the cleaned text."""

from pricefuse.settings import Settings


class CleanSettings(Settings):
    """Section `clean` of params.yaml, whose comments say what each key means."""

    labels: bool
    lowercase: bool
    ascii_only: bool
