"""The console command `galaxy-book`."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from galaxy_utils.errors import UserError
from galaxy_utils.experiments.registry import EXPERIMENTS

if TYPE_CHECKING:  # imported where it is needed: the command line starts at once
    from galaxy_utils.data.download import Downloads
    from galaxy_utils.data.images import Reading

_PATH = click.Path(path_type=Path)
_AT_LEAST_ONE = click.IntRange(min=1)
_N_CORES = os.cpu_count() or 1

_TROUBLE = {
    errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR,
    errno.EISDIR, errno.EFBIG,
}  # fmt: skip
"""Errors of the system that the user can mend: no space, no permission, a file for a folder."""


def _check_server(_: click.Context, __: click.Parameter, value: str | None) -> str:
    from galaxy_utils.data.skyserver import SERVER

    if value is None:
        return SERVER
    if not value.startswith(("http://", "https://")):
        raise click.BadParameter(f"expected http://... or https://..., not {value!r}")
    return value


NOTHING_DONE = 3
"""Exit status where not one image could be measured or classified."""

_recursive = click.option("--recursive", is_flag=True, help="take images in subfolders, too")
_json = click.option("--json", "as_json", is_flag=True, help="report as JSON, for scripts")
_errors = click.option(
    "--errors/--no-errors", default=True,
    help="measure standard errors, which takes eight times as long as the parameters",
)  # fmt: skip
_catalogue = click.option("--catalogue", type=_PATH, help="CSV table with a column objid")
_OF_PIXELS = (
    click.option("--bands", default="", help="of the planes of a FITS cube, in order: gri"),
    click.option(
        "--stretch", type=click.Choice(["composite", "linear"]), default="composite",
        help="of PNG and TIFF with more than 8 bits",
    ),
    click.option(
        "--pixel-scale", type=click.FloatRange(0, 60), default=0.0,
        help="arcsec per pixel; else the header's, if any",
    ),
    click.option("--inverted", is_flag=True, help="galaxies are darker than the sky"),
)  # fmt: skip


def _pixels(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options about pixels, which come as one `reading`."""

    @wraps(command)
    def with_reading(
        *, bands: str, stretch: str, pixel_scale: float, inverted: bool, **others: Any
    ) -> Any:
        from galaxy_utils.data.images import Reading

        return command(reading=Reading(bands, stretch, pixel_scale, inverted), **others)

    return reduce(lambda wrapped, option: option(wrapped), reversed(_OF_PIXELS), with_reading)


_cores = click.option("--cores", type=_AT_LEAST_ONE, default=_N_CORES, help="processes")
_server = click.option(
    "--server", callback=_check_server, help="SkyServer's address; DR17 if not given"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    The status is 2 where the user must mend something, and `NOTHING_DONE` where no image could be
    measured or classified.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: end in order
    try:
        status = _commands.main(arguments, prog_name="galaxy-book", standalone_mode=False)
    except UserError as error:
        print(f"galaxy-book: {error}", file=sys.stderr)
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except OSError as error:
        if error.errno not in _TROUBLE:
            raise
        place = f"{error.filename}: " if error.filename else ""
        print(f"galaxy-book: {place}{error.strerror}; what was finished is kept", file=sys.stderr)
        return 2
    except click.Abort:
        print("galaxy-book: stopped; the same command takes it up again", file=sys.stderr)
        return 130
    return status if isinstance(status, int) else 0


@click.group("galaxy-book", context_settings={"show_default": True})
def _commands() -> None:
    """Execute, measure and render the book."""


@_commands.command("build")
@click.option("--profile", default="book", help="smoke, book, best or full")
@click.option("--run", help="name of the run; the profile's name if not given")
@click.option("--sample", help="sdss5000, hdf, skyserver, or a folder")
@click.option("--set", "assignments", default="", help='"n_components=5 latent_dim=32"')
@click.option("--cores", type=_AT_LEAST_ONE, default=_N_CORES, help="at once")
@click.option("--dry-run", is_flag=True, help="print what would run; write nothing")
@click.argument("rest", nargs=-1)
def _build(
    profile: str,
    run: str | None,
    sample: str | None,
    assignments: str,
    cores: int,
    dry_run: bool,
    rest: tuple[str, ...],
) -> None:
    """Execute what has changed and render the book; what follows -- goes to Snakemake."""
    from galaxy_utils.config import make_parameters, parse_assignments
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import build, is_dry_run

    changed = parse_assignments(assignments)
    if sample is not None:
        changed["sample"] = sample
    parameters = make_parameters(profile, changed)
    folder = RunFolder.named(run or profile)
    words = [*["--dry-run"] * dry_run, *rest]
    started = time.time()
    build(folder, profile, parameters, cores, words)
    if not is_dry_run(words):
        print(f"{time.time() - started:.0f} s; the book lies here:")
        print(folder.path / "html" / "index.html")


@_commands.command("pdf")
@click.option("--run", default="book", help="a run whose book is rendered")
def _pdf(run: str) -> None:
    """Print the whole book to one PDF, through Chromium or Chrome."""
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow.printing import print_book

    pdf = print_book(RunFolder.named(run))
    print("The printed book lies here:")
    print(pdf)


@_commands.command("atlas")
@click.argument("run", default="book")
def _atlas(run: str) -> None:
    """Write all galaxies of a finished run as one page, and as a table with pictures."""
    from galaxy_utils.atlas import write_atlas
    from galaxy_utils.run_folder import RunFolder

    html, table = write_atlas(RunFolder.named(run))
    print("A table for viewers such as Embedding Atlas (x, y, all columns, thumbnails):")
    print(table)
    print("The atlas, one file that can be sent to a colleague:")
    print(html)


@_commands.command("measure")
@click.option("--images", type=_PATH, required=True, help="folder of images")
@click.option("--out", type=_PATH, help="folder of the measured table")
@_catalogue
@click.option(
    "--engine", type=click.Choice(["fast", "statmorph", "both"]), default="fast",
    help="what measures the five parameters",
)  # fmt: skip
@click.option("--backbones", help="joined by commas; the offline pair if not given")
@click.option("--crop", help="input of the networks; full if not given")
@_recursive
@_errors
@_json
@_cores
@_pixels
def _measure(
    images: Path,
    out: Path | None,
    catalogue: Path | None,
    engine: str,
    backbones: str | None,
    crop: str | None,
    recursive: bool,
    errors: bool,
    as_json: bool,
    cores: int,
    reading: Reading,
) -> int:
    """Measure a folder of images."""
    from galaxy_utils.config import make_parameters, split_names
    from galaxy_utils.data.sample import folder_sample
    from galaxy_utils.features.measured_table import ENGINES, measure_sample
    from galaxy_utils.features.named_samples import measured_folder
    from galaxy_utils.morphology.columns import FIVE
    from galaxy_utils.workflow.report import Report

    asked = {"backbones": backbones, "crop": crop}
    chosen = make_parameters("book", {k: v for k, v in asked.items() if v is not None})
    sample = folder_sample(images, catalogue, recursive, reading)
    folder = out or measured_folder(images)
    names = [f"{name}-{chosen.crop}" for name in split_names(chosen.backbones)]
    engines = ENGINES if engine == "both" else (engine,)
    table = measure_sample(sample, folder, names, cores, engines, errors).morphology
    report = Report.of(table, table[list(FIVE)].notna().all(axis=1), sample.notes)
    if as_json:
        print(report.json("measured", folder=str(folder)))
    else:
        print(*report.words("measured"), sep="\n")
        print("Columns reason and quality of morphology.csv tell more; README.md explains them.")
        print(f"The measured table lies here; use it with make book RUN=mine SAMPLE={folder}")
        print(folder)
    return 0 if report.done else NOTHING_DONE


@_commands.command("classify")
@click.argument("images", type=_PATH)
@click.option("--out", type=_PATH, help="folder of tables and page")
@_catalogue
@click.option(
    "--prior",
    default="training",
    help="of the Galaxy Zoo classes: training, natural, or a YAML file",
)
@_recursive
@_errors
@_json
@_cores
@_pixels
def _classify(
    images: Path,
    out: Path | None,
    catalogue: Path | None,
    prior: str,
    recursive: bool,
    errors: bool,
    as_json: bool,
    cores: int,
    reading: Reading,
) -> int:
    """Put your own galaxies (JPEG, PNG, TIFF or FITS cutouts) through the taxonomy."""
    from galaxy_utils.data.sample import folder_sample
    from galaxy_utils.workflow.classification import classify_folder
    from galaxy_utils.workflow.report import Report

    sample = folder_sample(images, catalogue, recursive, reading)
    page, table, drift = classify_folder(sample, out, cores, prior, errors)
    report = Report.of(table, table["cluster"].notna(), sample.notes)
    counts = {
        kind: {
            str(k): int(n) for k, n in table[kind].value_counts().sort_index().items() if k != ""
        }
        for kind in ("cluster", "type")
    }
    if as_json:
        print(report.json("classified", **counts, drift=drift.level, page=str(page)))
    else:
        print(*report.words("classified"), sep="\n")
        for kind, found in counts.items():
            if found:
                print(f"By {kind}: " + ", ".join(f"{name}: {n}" for name, n in found.items()))
        print(drift.sentence())
        print("Tables (galaxies.parquet, galaxies.csv) and a page with an atlas of them lie here:")
        print(page)
    return 0 if report.done else NOTHING_DONE


@_commands.command("model")
def _model() -> None:
    """Fit the taxonomy that `classify` uses again."""
    from galaxy_utils.workflow.classification import fit_committed

    about, clusters = fit_committed()
    print(clusters.to_string(index=False))
    print(about)


@_commands.command("train")
@click.option("--images", type=_PATH, required=True, help="folder of cutouts")
@_catalogue
@click.option("--plan", type=_PATH, help="YAML file; the committed plan if not given")
@click.option("--out", type=_PATH, required=True, help="folder of weights and checkpoint")
@_pixels
def _train(
    images: Path, catalogue: Path | None, plan: Path | None, out: Path, reading: Reading
) -> None:
    """Train the galaxy encoder without labels."""
    from galaxy_utils.data.sample import folder_sample
    from galaxy_utils.features.galaxy_convnext import ENCODER
    from galaxy_utils.features.pretraining import read_plan, train_on_sample

    sample = folder_sample(images, catalogue, reading=reading)
    _print_notes(sample.notes)
    weights, log, failures = train_on_sample(sample, read_plan(plan or ENCODER / "plan.yml"), out)
    _print_counts(f"left out: {reason}" for reason in failures.values())
    print(f"{len(log)} epochs, last loss {log['loss'].iloc[-1]:.3f}")
    print(weights)


@_commands.command("skyserver")
@click.option("--number", type=_AT_LEAST_ONE, default=5000, help="galaxies")
@click.option("--seed", default=0, help="of the pseudo-random order")
@click.option("--z-max", default=0.1, help="redshifts below it")
@click.option("--out", type=_PATH, help="folder of catalogue and images")
@_server
def _skyserver(number: int, seed: int, z_max: float, out: Path | None, server: str) -> None:
    """Fetch the paper's sample from SkyServer."""
    from galaxy_utils.data.paper_sample import PaperSample
    from galaxy_utils.data.skyserver import fetch_sample
    from galaxy_utils.features.named_samples import skyserver_folder

    wanted = PaperSample.of(number=number, seed=seed, z_max=z_max)
    folder = out or skyserver_folder(wanted)
    _report(fetch_sample(wanted, folder, server), folder)
    print(f"Use it with make book RUN=sky SAMPLE={folder}")
    print(folder)


@_commands.command("images")
@click.option("--sample", default="sdss5000", help="a sample that comes as a measured table")
@click.option("--run", default="book", help="whose pictures")
@click.option("--all", "everything", is_flag=True, help="all galaxies, not those shown alone")
@_server
def _images(sample: str, run: str, everything: bool, server: str) -> None:
    """Fetch cutouts of a sample that comes with the project as a measured table."""
    from galaxy_utils.workflow import fetch_pictures

    done, folder = fetch_pictures(sample, run, everything, server)
    _report(done, folder)
    print(f"The same make book RUN={run} now shows them.")
    print(folder)


@_commands.command("studies")
@click.argument("names", nargs=-1, type=click.Choice(list(EXPERIMENTS)))
@click.option("--run", default="book", help="a finished run")
@click.option("--draws", type=_AT_LEAST_ONE, default=10, help="seeds and draws of each")
@_cores
def _studies(names: tuple[str, ...], run: str, draws: int, cores: int) -> None:
    """Measure the precomputed studies again; all of them if none is named."""
    from galaxy_utils.experiments import FEW_DRAWS, measure_experiment
    from galaxy_utils.run_folder import RunFolder

    if draws < FEW_DRAWS:
        print(
            f"With fewer than {FEW_DRAWS} draws some studies leave out part of their grid or take "
            "few galaxies: this is a trial.",
            file=sys.stderr,
        )
    for name in names or EXPERIMENTS:
        print(measure_experiment(name, RunFolder.named(run), draws, cores), flush=True)


@_commands.command("parameters")
def _parameters() -> None:
    """List all parameters."""
    from galaxy_utils.config import parameter_table

    print(parameter_table().to_string(index=False))


@_commands.command("section", hidden=True)
@click.argument("number")
@click.option("--run", required=True)
@click.option("--threads", type=_AT_LEAST_ONE, default=_N_CORES, help="at most")
def _section(number: str, run: str, threads: int) -> None:
    """Execute one section of a run."""
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import execute, section_of

    execute(section_of(number), RunFolder.named(run), threads)


@_commands.command("render", hidden=True)
@click.option("--run", required=True)
def _render(run: str) -> None:
    """Render the book of a run."""
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import render
    from galaxy_utils.workflow.progress import BOOK, Progress

    folder = RunFolder.named(run)
    with Progress(BOOK, folder):
        render(folder)


def _report(done: Downloads, folder: Path) -> None:
    print(f"{done.fetched} images fetched, {done.present} were there, {len(done.failures)} failed:")
    _print_counts(done.failures.values())
    if done.failures:
        print(f"Which ones stands in {folder / 'failures.csv'}; the same command tries them again.")


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {note}")


def _print_counts(reasons: Iterable[str]) -> None:
    for reason, count in Counter(reasons).most_common():
        print(f"  {count:6d}  {reason}")


if __name__ == "__main__":
    sys.exit(main())
