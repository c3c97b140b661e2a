"""The model card and the report, where the pipeline has left them."""

from pathlib import Path

from pricefuse.errors import InputError

CARD = "README.md"
REPORT = Path("reports/report.html")


def model_card(model: Path) -> str:
    """Return a price model's card. Raises InputError where there is none."""
    path = model / CARD
    try:
        return path.read_text(encoding="utf-8").rstrip()
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file. Run `dvc repro ensemble`, or give the model's folder by --model"
        ) from None


def find_report() -> Path:
    """Return the path of the report. Raises InputError where there is none."""
    if not REPORT.is_file():
        raise InputError(
            f"{REPORT}: no such file. Run `dvc repro report` in the repository's top folder, or `dvc pull`"
        )
    return REPORT
