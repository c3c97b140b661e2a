"""The commands and their options. What they do is imported when one is called, so that --help answers at once."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pricefuse.pipeline import stage

import typer

from pricefuse.errors import InputError

F = TypeVar("F", bound=Callable[..., None])
AGAIN = "run the command again"
MODEL = Path("models/price_model")
MESSAGES = "Messages go to standard error, results to standard output."

app = typer.Typer(
    name="pricefuse",
    help=f"Predict a product's price from its catalog text and image. {MESSAGES}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ModelOption = Annotated[Path, typer.Option("--model", help="Folder of the price model.")]


def guarded(command: F) -> F:
    """Let a command end as the stages do: one line for what can be corrected, 130 for Ctrl-C, 143 for SIGTERM."""

    @functools.wraps(command)
    def run(**options: Any) -> None:
        stage.run(functools.partial(command, **options), AGAIN)

    return run  # type: ignore[return-value]  # the same signature, by functools.wraps


@app.command()
@guarded
def predict(
    table: Annotated[str | None, typer.Argument(metavar="TABLE", help="CSV of products, - for standard input.")] = None,
    out: Annotated[str, typer.Option("--out", "-o", help="CSV of prices, - for standard output.")] = "-",
    model: ModelOption = MODEL,
    images: Annotated[
        Path | None, typer.Option(help="Folder of pictures, named by sample_id or as the link ends.")
    ] = None,
    coverage: Annotated[float, typer.Option(help="Share of the prices that the intervals hold.")] = 0.8,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch pictures from their links.")] = False,  # noqa: FBT002
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    encoder: Annotated[
        list[str] | None, typer.Option(help="Folder of an encoder that moved: gemma=FOLDER or clip=FOLDER.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Price one product, by its catalog text, and say why.")] = None,
    image: Annotated[Path | None, typer.Option(help="Its picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One product: print JSON.")] = False,  # noqa: FBT002
) -> None:
    """Price the products of a table, or one product with the reasons for its price."""
    if text is not None and table is not None:
        raise InputError("a TABLE and a --text: price one or the other")
    if text is None and (image is not None or as_json):
        raise InputError("--image and --json are for one product: give its --text, too")
    from pricefuse.cli import pricing  # noqa: PLC0415

    given = pricing.Bundle(model, device, encoder or [])
    if text is not None:
        pricing.price_one(given, text, image, coverage, as_json=as_json)
    else:
        pricing.price_table(given, table, out, images, coverage, fetch=fetch)


@app.command()
@guarded
def check(
    answer: Annotated[Path, typer.Argument(metavar="TEST_OUT", help="CSV with sample_id and price.")],
    against: Annotated[Path, typer.Option(help="The test.csv that it answers.")],
) -> None:
    """Say whether a submission is valid, and what is wrong where; exit 1 if it is not."""
    from pricefuse.cli.submission import check_submission  # noqa: PLC0415

    rows, faults = check_submission(answer, against)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{answer}: valid, {rows:,} prices, one for each product of {against}")


@app.command()
@guarded
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="Git revision, experiment, `workspace`, or a table.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    confidence: Annotated[float, typer.Option(min=0.01, max=0.999, help="Of the interval.")] = 0.95,
    samples: Annotated[int, typer.Option(min=100, max=100_000, help="Bootstrap samples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
) -> None:
    """Say which of two versions has the lower SMAPE out of fold, and whether that is more than chance."""
    from pricefuse.cli.comparison import compare_versions  # noqa: PLC0415

    for line in compare_versions(first, second, confidence=confidence, samples=samples, seed=seed):
        typer.echo(line)


@app.command()
@guarded
def experiments(
    commits: Annotated[int, typer.Option(min=1, max=1000, help="Those of so many last commits.")] = 1,
) -> None:
    """Show DVC's experiments: SMAPE with its interval, the change against their commit, and what they changed."""
    from pricefuse.cli.experiments import show_experiments  # noqa: PLC0415

    for line in show_experiments(commits):
        typer.echo(line)


@app.command()
@guarded
def tune(
    member: Annotated[str, typer.Option(help="Whose settings: simple_nn, lexical or boosted.")] = "boosted",
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="In all, those of earlier runs included.")] = 60,
    minutes: Annotated[float | None, typer.Option(min=0, help="End after so many. Default: no limit.")] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, max=64, help="Trials at a time. Default: 1, or 2 where the cores allow.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the search.")] = 0,
    write: Annotated[  # noqa: FBT002
        bool, typer.Option("--write", help="Write the best settings into params.yaml, if the gain is more than chance.")
    ] = False,
) -> None:
    """Search for better settings of a member (search_spaces.yaml), and say what the choice is really worth."""
    from pricefuse.cli import tuning  # noqa: PLC0415

    for line in tuning.tune(member, tuning.Effort(trials, minutes, processes), seed, write=write):
        typer.echo(line)


@app.command()
@guarded
def card(model: ModelOption = MODEL) -> None:
    """Print the model card."""
    from pricefuse.cli.documents import model_card  # noqa: PLC0415

    typer.echo(model_card(model))


@app.command()
@guarded
def report(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,  # noqa: FBT002
) -> None:
    """Print where the report is: one page with scores, figures, data quality and a gallery of predictions."""
    from pricefuse.cli.documents import find_report  # noqa: PLC0415

    path = find_report()
    typer.echo(path)
    if show:
        typer.launch(path.resolve().as_uri())


def main() -> None:
    """Run the command line."""
    app()
