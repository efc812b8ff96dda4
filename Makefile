# make demo   in a few minutes: draw phantoms, train Inception v2 on them, write a Kaggle CSV
# make check   the linters, the types, the order of the rooms, and the quick tests
# make test   the same with every test
# make soak   every verb under faults of disks, signals and streams, drawn for an hour
# make notebooks   execute the notebooks and keep their outputs
# make docs   the documentation's site, to build/site/index.html

PYTHON ?= python3
BIN := .venv/bin
DEMO := demo
# From random weights, and within minutes on two cores: small pictures, Adam, few steps.
DEMO_SETTINGS := --set image_size=64 --set batch_size=16 --set model.batch_norm_decay=0.9 \
	--set 'optimizer={name: adam, learning_rate: 0.001, clip_norm: 2.0, anneal: {factor: 0.5, every: 90}}' \
	--set 'stages=[{train: head, steps: 20}, {train: all, steps: 250}]' \
	--set 'augment={rotation: 180, scale: [0.95, 1.1], crop: 0.03}' --set validation=0.2

MINUTES ?= 60

# What is imported is compiled once and kept, which takes less than compiling all that is installed.
export PYTHONDONTWRITEBYTECODE =

.PHONY: demo check test lint pytest soak notebooks docs install clean

install: .venv/installed

# The package alone, which is all that the demo needs.
.venv/package: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable .
	touch $@

.venv/installed: .venv/package
	$(BIN)/uv pip install --quiet --python $(BIN)/python --editable '.[dev]'
	touch $@

define NEXT

Look at
  $(DEMO)/run/report.html         the figures, the plots, the most confident mistakes
  $(DEMO)/run/plots/saliency.png  what in a photograph the network looks at
With real photographs, in a folder with one subfolder a class, type next
  . .venv/bin/activate
  cervix-tf audit --data FOLDER --out audit
  cervix-tf crossfit --model inception --data audit/manifest.csv --out ensembles/first
  cervix-tf predict ensembles/first OTHERS --out predictions.csv
endef
export NEXT

demo: .venv/package
	rm -rf $(DEMO)
	$(BIN)/cervix-tf phantom $(DEMO)/phantoms --per-class 110 --test 24 --size 240x320
	$(BIN)/cervix-tf fit --model inception --weights none --data $(DEMO)/phantoms --run $(DEMO)/run \
		--cache $(DEMO)/cache $(DEMO_SETTINGS)
	$(BIN)/cervix-tf submit $(DEMO)/run --test $(DEMO)/phantoms/test --out kaggle_submission/demo.csv
	@echo "$$NEXT"

# What `make check` leaves out.
check: CHOSEN := -m 'not slow'

# The linters work while a test waits for a process of its own.
check test: install
	$(MAKE) --no-print-directory -j2 lint pytest CHOSEN="$(CHOSEN)"

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

pytest:
	$(BIN)/pytest -n 2 --dist worksteal -q $(CHOSEN)

soak: install
	$(BIN)/python -m tests.faults.soak --minutes $(MINUTES)

notebooks: install
	$(BIN)/python notebooks/execute.py

docs: install
	$(BIN)/zensical build --strict --clean

clean:
	rm -rf .venv $(DEMO) build *.egg-info
