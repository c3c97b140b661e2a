"""What of the pipeline will take long."""

from pricefuse.pipeline.expectations import has_remote, what_takes_long

import pytest
from locked import LOCK, params, with_outputs, with_remote


@pytest.fixture
def locked(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".dvc").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[core]\n    analytics = false\n", False),
        ("['remote \"team\"']\n    url = s3://b/%C3\n", True),
        ("[", False),
    ],
)
def test_a_remote_is_found_in_the_configuration(tmp_path, text, expected):
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text(text)
    assert has_remote(tmp_path) is expected


def test_the_first_run_says_what_takes_long_and_later_ones_do_not(locked):
    line, _ = what_takes_long(params(), locked)
    assert "First run on catalog demo" in line
    with_remote(locked)
    line, _ = what_takes_long(params(), locked)
    assert "`dvc pull` fetches it" in line
    with_outputs(locked)
    assert what_takes_long(params(), locked) == []
    line, _ = what_takes_long(params(catalog="mine"), locked)
    assert "First run on catalog mine" in line
    (locked / "dvc.lock").unlink()
    line, _ = what_takes_long(params(), locked)
    assert "First run" in line


def test_another_encoder_is_named(locked):
    with_outputs(locked)
    encoder = params().embed_gemma.model_copy(update={"model": "google/embeddinggemma-300m"})
    (line,) = what_takes_long(params(embed_gemma=encoder), locked)
    assert "embed_gemma has another model, google/embeddinggemma-300m (fetched once, from its hub)" in line
