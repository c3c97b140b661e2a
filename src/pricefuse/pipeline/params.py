"""Read params.yaml as typed settings; refuse unknown keys, wrong types and values out of range, with their place."""

from pathlib import Path
from typing import Annotated, Any, Self

from pricefuse.pipeline.yaml_loader import load_yaml

from pydantic import Field, ValidationError, model_validator
from yaml import YAMLError

from pricefuse.demo.settings import DemoSettings
from pricefuse.download.settings import DownloadSettings
from pricefuse.encoders.settings import ImageTextEncoderSettings, TextEncoderSettings
from pricefuse.errors import InputError
from pricefuse.evaluation.settings import EvaluateSettings
from pricefuse.features.settings import FuseSettings
from pricefuse.models.settings import BoostedSettings, LexicalSettings, PredictSettings, SimpleNNSettings
from pricefuse.report.settings import ReportSettings
from pricefuse.settings import Settings
from pricefuse.text.settings import CleanSettings
from pricefuse.training.settings import EnsembleSettings, LearningCurveSettings, TrainSettings
from pricefuse.workers.settings import WorkersSettings

PRICING = ("clean", "download", "embed_gemma", "embed_clip", "fuse")


class Params(Settings):
    """All of params.yaml, section by section; the comments there say what each key means."""

    catalog: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]  # one folder name: it cannot lead elsewhere
    license_policy: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...]
    demo: DemoSettings
    clean: CleanSettings
    download: DownloadSettings
    embed_gemma: TextEncoderSettings
    embed_clip: ImageTextEncoderSettings
    fuse: FuseSettings
    train: TrainSettings
    ensemble: EnsembleSettings
    simple_nn: SimpleNNSettings
    lexical: LexicalSettings
    boosted: BoostedSettings
    evaluate: EvaluateSettings
    predict: PredictSettings
    report: ReportSettings
    learning_curve: LearningCurveSettings
    workers: WorkersSettings

    def pricing(self) -> dict[str, Any]:
        """Return the sections by which a new product's features are made, as JSON values: a model carries them."""
        return {name: getattr(self, name).model_dump(mode="json") for name in PRICING}

    @model_validator(mode="after")
    def _members_have_their_features(self) -> Self:
        if "lexical" in self.train.members and not self.fuse.ngrams:
            raise ValueError("train.members has lexical, which needs fuse.ngrams: true")
        return self


def read_params(path: Path) -> Params:
    """Read and check all of params.yaml, so that a mistake in any section is reported before the first stage starts.

    Raises InputError that names the file and every key at fault.
    """
    try:
        return Params.model_validate(load_yaml(path))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file. Run from the repository's top folder") from None
    except YAMLError as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']} (found {fault['input']!r:.80})"
            for fault in error.errors()
        )
        raise InputError(f"{path}: {faults}") from None
