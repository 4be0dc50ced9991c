# Every way into the project, two words each; what is done stands in galaxy_utils.
#
#   make book PROFILE=smoke RUN=trial SAMPLE=/data/my_images SET="n_components=5 latent_dim=32"
#
# Values given so are exported to the recipes by make itself (POSIX), as the
# values of environment variables. Recipes take them as "$$NAME" from the shell
# and never paste them into a command as $(NAME): a quote, a blank or a
# semicolon in a value stays part of the value. One thing make does before any
# recipe: it expands $(...) in a value on its own command line, so that
# make book RUN='$(shell date)' runs date. A value that you did not write yourself
# belongs into the environment (RUN=... make book) or to .venv/bin/galaxy-book, which
# expand nothing. (PYTHON is a program to run.)
.POSIX:

PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed

# The first target: plain `make` builds the book.
.PHONY: book pdf help test measure classify model train skyserver images studies lab lint lock clean

book: $(INSTALLED)
	@$(BIN)/galaxy-book build \
	  $${PROFILE:+--profile "$$PROFILE"} $${RUN:+--run "$$RUN"} \
	  $${SAMPLE:+--sample "$$SAMPLE"} $${SET:+--set "$$SET"} \
	  $${CORES:+--cores "$$CORES"}

pdf: $(INSTALLED)
	@$(BIN)/galaxy-book pdf $${RUN:+--run "$$RUN"}

help:
	@echo 'make book      execute the notebooks and build the book (PROFILE, RUN, SAMPLE, SET, CORES)'
	@echo 'make pdf       print the whole book of a run to one PDF (RUN)'
	@echo 'make test      run the tests'
	@echo 'make lab       open the notebooks in JupyterLab'
	@echo 'make measure   measure a folder of images: IMAGES (OUT, CATALOGUE, ENGINE, BACKBONES, CROP, RECURSIVE=1, CORES, PIXELS)'
	@echo 'make classify  put your own galaxies through the fitted taxonomy: IMAGES (OUT, CATALOGUE, PRIOR, RECURSIVE=1, CORES, PIXELS)'
	@echo 'make model     fit that taxonomy again to the measured table'
	@echo 'make train     train the galaxy encoder again: IMAGES (OUT, CATALOGUE, PLAN)'
	@echo 'make skyserver fetch the sample of the paper'"'"'s recipe from SkyServer (NUMBER, SEED, OUT, SERVER)'
	@echo 'make images    fetch the cutouts of sdss5000 that the book shows (SAMPLE, RUN, ALL=1, SERVER)'
	@echo 'make studies   measure the studies that the project carries again (STUDIES, RUN, DRAWS, CORES)'
	@echo 'make lint      check style and types'
	@echo 'make lock      pin the dependencies anew; LOCK_FLAGS=--upgrade takes newer versions'
	@echo 'make clean     remove all runs and caches; environment and measurements (runs/measured) stay'
	@echo
	@echo 'PYTHON=python3.12 chooses the Python of a new environment,'
	@echo 'INSTALLER=pip installs without uv.'

# pytest says itself where the report lies, also where a test fails.
test: $(INSTALLED)
	@OMP_NUM_THREADS="$${OMP_NUM_THREADS:-1}" $(BIN)/python -m pytest \
	  -n auto --maxprocesses 4 --dist loadfile --junitxml=build/test-report.xml

measure: $(INSTALLED)
	@test -n "$$IMAGES" || { \
	  echo 'make measure: say which images, for example: make measure IMAGES=/data/my_images' >&2; \
	  exit 2; }
	@$(BIN)/galaxy-book measure --images "$$IMAGES" $${OUT:+--out "$$OUT"} \
	  $${CATALOGUE:+--catalogue "$$CATALOGUE"} $${BACKBONES:+--backbones "$$BACKBONES"} \
	  $${ENGINE:+--engine "$$ENGINE"} $${CROP:+--crop "$$CROP"} $${CORES:+--cores "$$CORES"} \
	  $${RECURSIVE:+--recursive} $$PIXELS

classify: $(INSTALLED)
	@test -n "$$IMAGES" || { \
	  echo 'make classify: say which images, for example: make classify IMAGES=/data/my_images' >&2; \
	  exit 2; }
	@$(BIN)/galaxy-book classify "$$IMAGES" $${OUT:+--out "$$OUT"} \
	  $${CATALOGUE:+--catalogue "$$CATALOGUE"} $${PRIOR:+--prior "$$PRIOR"} \
	  $${CORES:+--cores "$$CORES"} $${RECURSIVE:+--recursive} $$PIXELS

model: $(INSTALLED)
	@$(BIN)/galaxy-book model

train: $(INSTALLED)
	@test -n "$$IMAGES" || { \
	  echo 'make train: say which images, for example: make train IMAGES=/data/sdss5000' >&2; \
	  exit 2; }
	@$(BIN)/galaxy-book train --images "$$IMAGES" --out "$${OUT:-runs/encoder}" \
	  $${CATALOGUE:+--catalogue "$$CATALOGUE"} $${PLAN:+--plan "$$PLAN"}

skyserver: $(INSTALLED)
	@$(BIN)/galaxy-book skyserver $${NUMBER:+--number "$$NUMBER"} $${SEED:+--seed "$$SEED"} \
	  $${OUT:+--out "$$OUT"} $${SERVER:+--server "$$SERVER"}

images: $(INSTALLED)
	@$(BIN)/galaxy-book images $${SAMPLE:+--sample "$$SAMPLE"} $${RUN:+--run "$$RUN"} \
	  $${ALL:+--all} $${SERVER:+--server "$$SERVER"}

studies: $(INSTALLED)
	@$(BIN)/galaxy-book studies $$STUDIES $${RUN:+--run "$$RUN"} $${DRAWS:+--draws "$$DRAWS"} \
	  $${CORES:+--cores "$$CORES"}

lab: $(INSTALLED)
	@$(BIN)/jupyter lab notebooks

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Pins stay as they are unless pyproject.toml asks for others: uv prefers what
# the file holds. The CUDA packages are left out: PyPI's torch names its own
# exact versions of them, and a CPU build of torch wants none. Wheels that lie on
# this machine alone must not shape the pins, hence the empty UV_FIND_LINKS.
lock: $(BIN)/python
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	@UV_FIND_LINKS= $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --all-extras --no-header --annotation-style line $${LOCK_FLAGS:-} \
	  --output-file requirements.lock pyproject.toml
	@{ echo '# Exact versions of all packages, for Python 3.11 to 3.13 on Linux, macOS and Windows.'; \
	  echo '# Made from pyproject.toml by `make lock`, which keeps versions where it can; for newer'; \
	  echo '# ones: make lock LOCK_FLAGS=--upgrade. environment.yml must then name the same ones.'; \
	  grep -Ev '^(cuda|nvidia|triton)[-=]' requirements.lock; } >requirements.lock.partial
	@mv requirements.lock.partial requirements.lock

clean:
	if [ -d runs ]; then find runs -mindepth 1 -maxdepth 1 ! -name measured -exec rm -rf {} +; fi
	rm -rf build .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find galaxy_utils tests notebooks -name __pycache__ -prune -exec rm -rf {} +

# The stamp comes last: an installation that was cut off is done again.
# Bytecode is compiled here, since PYTHONDONTWRITEBYTECODE may be set and every
# import of matplotlib then costs seconds; some packages hold templates that are
# no Python, so compileall's verdict is not asked.
$(INSTALLED): $(BIN)/python requirements.lock pyproject.toml
	@if test "$$INSTALLER" != pip && \
	  { test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv; }; then \
	  echo 'Installing the pinned packages with uv; some minutes the first time.'; \
	  $(BIN)/uv pip install --python $(BIN)/python --compile-bytecode \
	    $${PIP_FIND_LINKS:+--find-links "$$PIP_FIND_LINKS"} -r requirements.lock; \
	else \
	  echo 'Installing the pinned packages with pip; some minutes the first time.'; \
	  $(BIN)/python -m pip install --no-compile -r requirements.lock || exit 1; \
	  $(BIN)/python -m compileall -q $(VENV)/lib >/dev/null 2>&1 || :; \
	fi
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@echo 'Compiling the measuring engine, about a minute; it is kept.'
	@$(BIN)/python -c 'from galaxy_utils.morphology import warm_up; warm_up()'
	@touch $@

$(BIN)/python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'Python 3.11 or newer is needed; "$(PYTHON)" is missing or older.' >&2; \
	  echo 'Debian, Ubuntu: sudo apt install python3 python3-venv git' >&2; \
	  echo 'Where another one is installed: make PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo '"$(PYTHON)" lacks the modules venv and ensurepip.' >&2; \
	  echo 'Debian, Ubuntu: sudo apt install python3-venv' >&2; exit 1; }
	@command -v git >/dev/null 2>&1 || { \
	  echo 'git is missing: a run records the commit that it was made from.' >&2; \
	  echo 'Debian, Ubuntu: sudo apt install git' >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV)
