# Each target sets up all it needs on a machine that has Python (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check-all benchmarks

demo: $(BIN)/outweigh
	$(BIN)/outweigh demo

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

check-all: test .venv/check-all.stamp
	$(BIN)/python -m pytest -m slow

benchmarks: .venv/benchmarks.stamp
	$(BIN)/python -m benchmarks

$(BIN)/outweigh: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable .
	touch $@

.venv/test.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --group test
	touch $@

.venv/benchmarks.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[benchmarks]'
	touch $@

.venv/check-all.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[benchmarks,mlflow,onnx]'
	touch $@
