# Two commands: `make run` sets up and sorts; `make test` sets up and tests. `make help` lists the rest.
PYTHON ?= python3
MACHINE := .venv
WORKSTATION := .venv-workstation
CONFIG ?= config.yaml
RUNS ?= 10000000

.DEFAULT_GOAL := help
.PHONY: help run test check bench acceptance firmware fuzz vm setup setup-workstation lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

run: setup  ## set up, and sort the shipped pictures with a SIMULATED machine at the far end
	$(MACHINE)/bin/appliance run --twin -v -c $(CONFIG)

test: setup-workstation  ## set up (TensorFlow included, about 2.8 GB), and run the tests
	$(WORKSTATION)/bin/python -m pytest

check: setup-workstation  ## lint, format and types
	$(WORKSTATION)/bin/ruff check .
	$(WORKSTATION)/bin/ruff format --check .
	$(WORKSTATION)/bin/mypy

bench: setup  ## measure this computer
	$(MACHINE)/bin/appliance bench -c $(CONFIG)

acceptance: setup-workstation  ## what takes longer: 20,000 frames without growth; results go to docs/figures.md
	$(WORKSTATION)/bin/python -m pytest tests/acceptance --acceptance -s

firmware:  ## the actuator's program for an ATmega328P; needs gcc-avr and avr-libc, see firmware/README.md
	$(MAKE) -C firmware

fuzz: setup-workstation  ## RUNS=10000000 executions of both receivers, coverage-guided; needs clang, and pip install atheris==3.0.0
	$(MAKE) -C firmware fuzz RUNS=$(RUNS)
	PYTHONPATH=. $(WORKSTATION)/bin/python tests/fuzz/wire.py -runs=$(RUNS) -max_len=80

vm: setup-workstation  ## the daemon on a real V4L2 driver (vivid) in an emulated machine; needs qemu, see tests/vm/boot.py
	$(WORKSTATION)/bin/python tests/vm/boot.py

setup: $(MACHINE)/.ready  ## only the machine's environment, as on a Pi
setup-workstation: $(WORKSTATION)/.ready  ## only the workstation's environment

$(MACHINE)/.ready: requirements/machine.txt pyproject.toml tools/make_venv.sh
	tools/make_venv.sh $(PYTHON) $(MACHINE) requirements/machine.txt

$(WORKSTATION)/.ready: requirements/workstation.txt pyproject.toml tools/make_venv.sh
	tools/make_venv.sh $(PYTHON) $(WORKSTATION) requirements/workstation.txt

lock: setup-workstation  ## pin the newest versions that pyproject.toml allows, with hashes
	$(WORKSTATION)/bin/pip install -q uv==0.9.9
	$(WORKSTATION)/bin/uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements/machine.txt
	$(WORKSTATION)/bin/uv pip compile pyproject.toml --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q --extra dev --extra train -c requirements/machine.txt \
		-o requirements/workstation.txt

clean:  ## remove the environments and what a run left in state/
	rm -rf $(MACHINE) $(WORKSTATION) state
