"""Who computes: params.yaml, and the environment before it."""

import pytest
from worker_cases import worker_settings

from pricefuse.errors import InputError


@pytest.mark.parametrize(
    ("given", "kind", "count", "threads"),
    [
        ("", "processes", 3, 2),
        ("here", "here", "auto", 2),
        ("processes", "processes", "auto", 2),
        ("processes:4", "processes", 4, 2),
        (" ray:12x8 ", "ray", 12, 8),
    ],
)
def test_the_environment_goes_before_the_parameters(given, kind, count, threads):
    settings = worker_settings("processes", count=3, threads=2).with_environment({"PRICEFUSE_WORKERS": given})
    assert (settings.kind, settings.count, settings.threads) == (kind, count, threads)


@pytest.mark.parametrize(
    "given", ["yes", "here:2", "ray:", "ray:0", "processes:4x", "processes:4x0", "ray:99999", "ray:٣"]
)
def test_another_word_is_an_error_that_says_what_may_stand_there(given):
    with pytest.raises(InputError, match="Set it to here, processes or ray"):
        worker_settings().with_environment({"PRICEFUSE_WORKERS": given})
