"""Record how long the stages took, for the model card and the report: python -m pricefuse.pipeline.record_seconds."""

from pathlib import Path

from pricefuse.pipeline import stage
from pricefuse.pipeline.params import read_params

from pricefuse.errors import InputError
from pricefuse.files import write_json
from pricefuse.timings import FOLDER, noted_seconds

RECORDS = Path("data/timings")


def main() -> None:
    seconds = noted_seconds()
    if not seconds:
        raise InputError(f"{FOLDER}: no stage has run on this machine. Run `dvc repro` first")
    path = RECORDS / f"{read_params(Path('params.yaml')).catalog}.json"
    write_json(path, seconds)
    print(
        f"{path}: {sum(seconds.values()):,.0f} s in {len(seconds)} stages; `dvc repro` puts them into card and report"
    )


if __name__ == "__main__":
    stage.run(main)
