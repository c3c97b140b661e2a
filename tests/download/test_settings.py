import pytest
from fetching import settings
from pydantic import ValidationError


@pytest.mark.parametrize(
    ("name", "least", "most", "step"),
    [
        ("side", 16, 4096, 1),
        ("jpeg_quality", 1, 95, 1),
        ("max_pixels", 1, 1_000_000_000, 1),
        ("max_bytes", 1, 1_000_000_000, 1),
        ("connections", 1, 512, 1),
        ("connections_per_host", 1, 512, 1),
        ("requests_per_second_per_host", 0.001, 10_000, 1e-9),
        ("connect_timeout_s", 0.001, 600, 1e-9),
        ("read_timeout_s", 0.001, 600, 1e-9),
        ("deadline_s", 0.001, 3600, 1e-9),
        ("retries", 0, 20, 1),
        ("max_redirects", 0, 20, 1),
        ("give_up_after", 1, 1_000_000, 1),
        ("max_failed_share", 0, 1, 1e-9),
    ],
)
def test_the_bounds_are_allowed_and_nothing_beyond_them(name, least, most, step):
    for value in (least, most):
        assert getattr(settings(**{name: value}), name) == value
    for value in (least - step, most + max(step, 1e-6)):
        with pytest.raises(ValidationError):
            settings(**{name: value})


def test_only_two_ways_to_retry_are_known():
    assert settings(retry="all").retry == "all"
    with pytest.raises(ValidationError):
        settings(retry="some")


@pytest.mark.parametrize(("cores", "connections"), [(1, 32), (2, 32), (8, 128), (64, 256)])
def test_connections_follow_from_the_cores_unless_they_are_set(monkeypatch, cores, connections):
    monkeypatch.setattr("pricefuse.download.settings.available_cores", lambda: cores)
    assert settings(connections="auto").open_connections == connections
    assert settings(connections=7).open_connections == 7
