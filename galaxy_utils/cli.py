"""The console command `galaxy-book`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from galaxy_utils.errors import UserError

if TYPE_CHECKING:  # imported where it is needed: the command line starts at once
    from galaxy_utils.data.download import Downloads

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process if not given.

    Returns
    -------
    int
        0 if all went well, 2 where the user must mend something.
    """
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: end in order
    try:
        status: int = options.run_command(options)
    except UserError as error:
        print(f"galaxy-book: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("galaxy-book: stopped; the same command takes it up again", file=sys.stderr)
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="galaxy-book", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_build,
        _add_measure,
        _add_classify,
        _add_model,
        _add_train,
        _add_skyserver,
        _add_images,
        _add_studies,
        _add_parameters,
        _add_section,
        _add_render,
    ):
        add(commands)
    return parser


def _add_build(commands: Commands) -> None:
    build = commands.add_parser("build", help="execute what has changed and render the book")
    build.add_argument("--profile", default="book", help="smoke, book (default), best or full")
    build.add_argument("--run", help="name of the run; the profile's name if not given")
    build.add_argument("--sample", help="sdss5000, hdf, skyserver, or a folder")
    build.add_argument("--set", default="", help='parameters: "n_components=5 latent_dim=32"')
    build.add_argument("--cores", type=_cores, default=os.cpu_count() or 1, help="at once")
    build.add_argument("--dry-run", action="store_true", help="print what would run; write nothing")
    build.add_argument("rest", nargs="*", help="after --: passed on to Snakemake")
    build.set_defaults(run_command=_build)


def _add_measure(commands: Commands) -> None:
    measure = commands.add_parser("measure", help="measure a folder of images")
    measure.add_argument("--images", type=Path, required=True, help="folder of images")
    measure.add_argument("--out", type=Path, help="folder of the measured table")
    measure.add_argument("--catalogue", type=Path, help="CSV table with a column objid")
    measure.add_argument(
        "--engine", choices=("fast", "statmorph", "both"), default="fast",
        help="what measures the five parameters: fast (default), statmorph, or both side by side",
    )  # fmt: skip
    measure.add_argument("--backbones", help="joined by commas; the offline pair if not given")
    measure.add_argument("--framing", help="input of the networks; eq1 if not given")
    measure.add_argument("--cores", type=_cores, default=os.cpu_count() or 1, help="processes")
    measure.set_defaults(run_command=_measure)


def _add_classify(commands: Commands) -> None:
    classify = commands.add_parser("classify", help="put your own galaxies through the taxonomy")
    classify.add_argument("images", type=Path, help="folder of JPEG, PNG, TIFF or FITS cutouts")
    classify.add_argument("--out", type=Path, help="folder of tables and page")
    classify.add_argument("--catalogue", type=Path, help="CSV with objid, ra, dec, ...")
    classify.add_argument("--cores", type=_cores, default=os.cpu_count() or 1, help="processes")
    classify.set_defaults(run_command=_classify)


def _add_model(commands: Commands) -> None:
    model = commands.add_parser("model", help="fit the taxonomy that `classify` uses again")
    model.set_defaults(run_command=_model)


def _add_train(commands: Commands) -> None:
    train = commands.add_parser("train", help="train the galaxy encoder without labels")
    train.add_argument("--images", type=Path, required=True, help="folder of cutouts")
    train.add_argument("--catalogue", type=Path, help="CSV table with a column objid")
    train.add_argument("--plan", type=Path, help="YAML file; the committed plan if not given")
    train.add_argument("--out", type=Path, required=True, help="folder of weights and checkpoint")
    train.set_defaults(run_command=_train)


def _add_skyserver(commands: Commands) -> None:
    skyserver = commands.add_parser("skyserver", help="fetch the paper's sample from SkyServer")
    skyserver.add_argument("--number", type=_cores, default=5000, help="galaxies (5000)")
    skyserver.add_argument("--seed", type=int, default=0, help="of the pseudo-random order (0)")
    skyserver.add_argument("--z-max", type=float, default=0.1, help="redshifts below it (0.1)")
    skyserver.add_argument("--out", type=Path, help="folder of catalogue and images")
    _add_server(skyserver)
    skyserver.set_defaults(run_command=_skyserver)


def _add_images(commands: Commands) -> None:
    images = commands.add_parser(
        "images", help="fetch cutouts of a sample that the project holds measured"
    )
    images.add_argument("--sample", default="sdss5000", help="sdss5000 (default)")
    images.add_argument("--run", default="book", help="whose pictures (default: book)")
    images.add_argument("--all", action="store_true", help="all galaxies, not those shown alone")
    _add_server(images)
    images.set_defaults(run_command=_images)


def _add_studies(commands: Commands) -> None:
    studies = commands.add_parser("studies", help="measure the studies that the project carries")
    studies.add_argument("names", nargs="*", help="which ones; all if not given")
    studies.add_argument("--run", default="book", help="a finished run (default: book)")
    studies.add_argument("--draws", type=_cores, default=10, help="seeds and draws of each")
    studies.add_argument("--cores", type=_cores, default=os.cpu_count() or 1, help="processes")
    studies.set_defaults(run_command=_studies)


def _add_parameters(commands: Commands) -> None:
    parameters = commands.add_parser("parameters", help="list all parameters")
    parameters.set_defaults(run_command=_list_parameters)


def _add_section(commands: Commands) -> None:
    section = commands.add_parser("section", help="execute one section of a run (used by rules)")
    section.add_argument("number")
    section.add_argument("--run", required=True)
    section.add_argument("--threads", type=_cores, default=os.cpu_count() or 1, help="at most")
    section.set_defaults(run_command=_section)


def _add_render(commands: Commands) -> None:
    render = commands.add_parser("render", help="render the book of a run (used by rules)")
    render.add_argument("--run", required=True)
    render.set_defaults(run_command=_render)


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", type=_server, help="SkyServer's address; DR17 if not given")


def _server(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"expected http://... or https://..., not {text!r}")
    return text


def _cores(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, not {text!r}")
    return int(text)


def _build(options: argparse.Namespace) -> int:
    from galaxy_utils.config import make_parameters, parse_assignments
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import build, is_dry_run

    changed = parse_assignments(options.set)
    if options.sample is not None:
        changed["sample"] = options.sample
    parameters = make_parameters(options.profile, changed)
    folder = RunFolder.named(options.run or options.profile)
    words = [*["--dry-run"] * options.dry_run, *options.rest]
    started = time.time()
    build(folder, options.profile, parameters, options.cores, words)
    if not is_dry_run(words):
        print(f"{time.time() - started:.0f} s; the book lies here:")
        print(folder.path / "html" / "index.html")
    return 0


def _measure(options: argparse.Namespace) -> int:
    from galaxy_utils.config import make_parameters, split_names
    from galaxy_utils.data.sample import folder_sample
    from galaxy_utils.features.measured_table import ENGINES, measure_sample
    from galaxy_utils.features.named_samples import measured_folder
    from galaxy_utils.morphology.measurement import FIVE

    asked = {"backbones": options.backbones, "framing": options.framing}
    chosen = make_parameters("book", {k: v for k, v in asked.items() if v is not None})
    sample = folder_sample(options.images, options.catalogue)
    folder = options.out or measured_folder(options.images)
    names = [f"{name}-{chosen.framing}" for name in split_names(chosen.backbones)]
    engines = ENGINES if options.engine == "both" else (options.engine,)
    table = measure_sample(sample, folder, names, options.cores, engines=engines)
    failed = table.morphology[table.morphology[list(FIVE)].isna().any(axis=1)]
    print(f"{len(table.catalogue)} galaxies measured, {len(failed)} without all five parameters:")
    for reason, count in failed["reason"].value_counts().items():
        print(f"  {count:6d}  {reason}")
    print(f"The measured table lies here; use it with make book RUN=mine SAMPLE={folder}")
    print(folder)
    return 0


def _classify(options: argparse.Namespace) -> int:
    from galaxy_utils.workflow.classification import catalogue_note, classify_folder

    note = catalogue_note(options.images, options.catalogue)
    print(note, end="\n" * bool(note))
    page, table, drift = classify_folder(
        options.images, options.out, options.catalogue, options.cores
    )
    lost = table[table["cluster"].isna()]
    print(f"{len(table)} images, {len(lost)} without a cluster:")
    for reason, count in lost["reason"].value_counts().items():
        print(f"  {count:6d}  {reason}")
    for cluster, count in table["cluster"].value_counts().sort_index().items():
        print(f"cluster {cluster}: {count}")
    print(drift.sentence())
    print("Tables (galaxies.parquet, galaxies.csv) and a page of thumbnails lie here:")
    print(page)
    return 0


def _model(options: argparse.Namespace) -> int:
    from galaxy_utils.workflow.classification import fit_committed

    about, clusters = fit_committed()
    print(clusters.to_string(index=False))
    print(about)
    return 0


def _train(options: argparse.Namespace) -> int:
    from galaxy_utils.data.sample import folder_sample
    from galaxy_utils.features.galaxy_convnext import ENCODER
    from galaxy_utils.features.pretraining import read_plan, train_on_sample

    plan = read_plan(options.plan or ENCODER / "plan.yml")
    sample = folder_sample(options.images, options.catalogue)
    weights, log, failures = train_on_sample(sample, plan, options.out)
    for reason, count in Counter(failures.values()).items():
        print(f"  {count:6d}  left out: {reason}")
    print(f"{len(log)} epochs, last loss {log['loss'].iloc[-1]:.3f}")
    print(weights)
    return 0


def _skyserver(options: argparse.Namespace) -> int:
    from galaxy_utils.data.paper_sample import PaperSample
    from galaxy_utils.data.skyserver import SERVER, fetch_sample
    from galaxy_utils.features.named_samples import skyserver_folder

    wanted = PaperSample.of(number=options.number, seed=options.seed, z_max=options.z_max)
    folder = options.out or skyserver_folder(wanted)
    _report(fetch_sample(wanted, folder, options.server or SERVER), folder)
    default = folder == skyserver_folder(PaperSample.of(number=wanted.number))
    sample = "skyserver" if default else str(folder)
    less = f' SET="n_galaxies={wanted.number}"' if default and wanted.number != 5000 else ""
    print(f"Use it with make book RUN=sky SAMPLE={sample}{less}")
    print(folder)
    return 0


def _images(options: argparse.Namespace) -> int:
    from galaxy_utils.data.skyserver import SERVER
    from galaxy_utils.workflow import fetch_pictures

    done, folder = fetch_pictures(
        options.sample, options.run, options.all, options.server or SERVER
    )
    _report(done, folder)
    print(f"The same make book RUN={options.run} now shows them.")
    print(folder)
    return 0


def _report(done: Downloads, folder: Path) -> None:
    print(f"{done.fetched} images fetched, {done.present} were there, {len(done.failures)} failed:")
    for reason, count in Counter(done.failures.values()).most_common():
        print(f"  {count:6d}  {reason}")
    if done.failures:
        print(f"Which ones stands in {folder / 'failures.csv'}; the same command tries them again.")


def _studies(options: argparse.Namespace) -> int:
    from galaxy_utils.experiments import EXPERIMENTS, FEW_DRAWS, check_names, measure_experiment
    from galaxy_utils.run_folder import RunFolder

    check_names(options.names)
    if options.draws < FEW_DRAWS:
        print(
            f"With fewer than {FEW_DRAWS} draws some studies leave out part of their grid or take "
            "few galaxies: this is a trial.",
            file=sys.stderr,
        )
    for name in options.names or EXPERIMENTS:
        path = measure_experiment(name, RunFolder.named(options.run), options.draws, options.cores)
        print(path, flush=True)
    return 0


def _list_parameters(options: argparse.Namespace) -> int:
    from galaxy_utils.config import parameter_table

    print(parameter_table().to_string(index=False))
    return 0


def _section(options: argparse.Namespace) -> int:
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import execute, section_of

    execute(section_of(options.number), RunFolder.named(options.run), options.threads)
    return 0


def _render(options: argparse.Namespace) -> int:
    from galaxy_utils.run_folder import RunFolder
    from galaxy_utils.workflow import render
    from galaxy_utils.workflow.progress import BOOK, Progress

    folder = RunFolder.named(options.run)
    with Progress(BOOK, folder):
        render(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
