# Each target sets up all it needs on a machine that has Python (3.11 or newer) and make.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test check-all benchmarks browser screenshot

demo: $(BIN)/outweigh
	$(BIN)/outweigh demo

test: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile

check-all: browser test .venv/check-all.stamp
	$(BIN)/python -m pytest -m slow -n auto --dist worksteal

benchmarks: .venv/benchmarks.stamp
	$(BIN)/python -m benchmarks

# Tests of the report in a browser take the system's Chromium; without one, make test skips them.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	if ! command -v apt-get >/dev/null; then \
	  echo "Chromium must be on the PATH, as 'chromium'; there is none: install it" >&2; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -qq --yes chromium; \
	elif command -v sudo >/dev/null; then \
	  sudo apt-get update -qq && sudo apt-get install -qq --yes chromium; \
	else \
	  echo "Chromium must be installed; there is none, nor sudo: apt-get install chromium" >&2; \
	  exit 1; \
	fi

# The picture in the README; of another run with make screenshot FOLDER=...
screenshot: browser .venv/test.stamp
	$(if $(FOLDER),,rm -rf build/demo && $(BIN)/outweigh demo --out build/demo)
	$(BIN)/python docs/screenshot.py $(or $(FOLDER),build/demo) docs/report.png

$(BIN)/outweigh: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable .
	touch $@

.venv/test.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --group test
	touch $@

.venv/benchmarks.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[benchmarks]' --group test
	touch $@

.venv/check-all.stamp: $(BIN)/outweigh
	$(BIN)/python -m pip install --quiet -c constraints.txt --editable '.[benchmarks,mlflow,onnx]'
	touch $@
