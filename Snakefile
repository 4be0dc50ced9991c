# One rule a notebook (papermill), one for the book. Started by `galaxy-book build`,
# which passes the run folder as the working directory and its name as config["run"].
from galaxy_utils.workflow.rendering import book_inputs
from galaxy_utils.workflow.sections import SECTIONS
from galaxy_utils.run_folder import RunFolder
from galaxy_utils.workflow.execution import external_inputs, parameters_of, run_inputs

FOLDER = RunFolder.named(config["run"])
GALAXIES = FOLDER.read_json("sample.json")["galaxies"]


rule book:
    input:
        [f"notebooks/{section.name}.ipynb" for section in SECTIONS],
        [f"results/{section.number}.json" for section in SECTIONS],
        [str(path) for path in book_inputs()],
    output:
        # where rendering fails the old book stays ("update"), but is not taken for the new one
        "state/book.json",
        update("html/index.html"),
    params:
        run=FOLDER.path.name,
    shell:
        "galaxy-book render --run {params.run:q}"


for section in SECTIONS:

    rule:
        name:
            section.slug.replace("-", "_")
        input:
            [str(path) for path in external_inputs(section)],
            run_inputs(section),
            [ancient(name) for name in section.awaited(GALAXIES)],
        output:
            # "update": a section whose dependencies are unchanged keeps its files
            [update(name) for name in section.outputs],
        threads: section.cores(workflow.cores, GALAXIES)
        # long ones first, then what later pages wait for
        priority: len(SECTIONS) * section.long - int(section.number)
        params:
            number=section.number,
            run=FOLDER.path.name,
            values=parameters_of(section, FOLDER),
        shell:
            "galaxy-book section {params.number:q} --run {params.run:q}"
