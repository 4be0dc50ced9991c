# One checkpoint per notebook, one rule for the book. Started by `galaxy-book build`, which passes
# the run folder as the working directory and its name as config["run"].
#
# Snakemake alone decides what is out of date: by the content of a page's inputs, and by its
# parameters, to which its entry in notebooks/pages.yml belongs. Pages are checkpoints because
# Snakemake looks again after each of them: where a page has made the same artefacts as before,
# what reads them is left as it is.
import os

from galaxy_utils.run_folder import RunFolder
from galaxy_utils.workflow.execution import external_inputs, parameters_of, run_inputs
from galaxy_utils.workflow.progress import BOOK, PLAN
from galaxy_utils.workflow.rendering import book_inputs
from galaxy_utils.workflow.sections import SECTIONS

FOLDER = RunFolder.named(config["run"])
GALAXIES = FOLDER.read_json("sample.json")["galaxies"]


def relative(paths):
    """Paths as seen from the run folder, so that a checkout can be moved with its runs."""
    return [os.path.relpath(path, FOLDER.path) for path in paths]


onstart:
    # what the build may have to make, for the line that shows how far it is
    names = {section.notebook[3:].replace("-", "_"): section.notebook for section in SECTIONS}
    names["book"] = BOOK
    jobs = {job.rule.name for job in workflow.dag.needrun_jobs()}
    FOLDER.write_json(PLAN, sorted(names[job] for job in jobs & names.keys()))


rule all:
    input:
        "state/book.json",
        # also what no page reads: Snakemake makes again what is lost of a target alone
        [name for section in SECTIONS for name in section.outputs],


rule book:
    input:
        [f"notebooks/{section.notebook}.ipynb" for section in SECTIONS],
        [f"results/{section.number}.json" for section in SECTIONS],
        relative(book_inputs()),
    output:
        # where rendering fails the old book stays ("update"), but is not taken for the new one
        "state/book.json",
        update("html/index.html"),
    params:
        run=FOLDER.path.name,
    shell:
        "galaxy-book render --run {params.run:q}"


for section in SECTIONS:

    checkpoint:
        name:
            section.notebook[3:].replace("-", "_")
        input:
            relative(external_inputs(section)),
            run_inputs(section),
            [ancient(name) for name in section.awaited(GALAXIES)],
        output:
            section.outputs,
        threads: section.cores(workflow.cores, GALAXIES)
        # long ones first, then what later pages wait for
        priority: len(SECTIONS) * section.starts_early - int(section.number)
        params:
            number=section.number,
            run=FOLDER.path.name,
            entry=section.model_dump(),
            values=parameters_of(section, FOLDER),
        shell:
            "galaxy-book section {params.number:q} --run {params.run:q} --threads {threads}"
