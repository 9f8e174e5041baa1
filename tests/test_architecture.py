"""The house's map: which room imports which, one way, and what an import may load."""

import ast
import subprocess
import sys
from pathlib import Path

import outweigh

SOURCE = Path(outweigh.__file__).parent

MAP = """
_errors:
_chunk:
_layout:
_machine:
_files:
_scores:
_classes:
report:
_reading: _errors
_labels: _errors _reading
_columns: _errors _labels _reading
_frames: _errors _reading
_roles: _columns _errors _labels _reading
_table: _columns _errors _frames _labels _reading _roles
_rows: _columns _errors _frames _labels _reading _roles
_test_file: _columns _errors _frames _labels _reading _roles _table
_features: _columns
_groups: _errors
_validation: _classes _errors _groups
_split: _classes _errors _groups
_counts: _errors
_weights: _counts _errors
_settings: _errors _weights
_loss: _errors
_trial: _errors _loss
_network: _errors _loss _trial
_program: _layout _network
_lanes: _chunk _errors _machine _network _program
_predictions: _errors _settings
_operating: _errors
_compare: _operating _predictions _settings
_plan: _chunk _errors _features _groups _settings _split _table _validation
_study: _chunk _compare _errors _features _machine _operating _plan _predictions _settings _split
  _table
_look: _study
_lane_findings: _chunk _look _study
_data_findings: _groups _look _reading _split _study
_column_findings: _columns _look _reading _study _table
_probability_findings: _look _predictions _reading _settings _study
_decision_findings: _compare _look _predictions _reading _scores _settings _study
_findings: _column_findings _data_findings _decision_findings _lane_findings _look
  _probability_findings _study
_record: _chunk _compare _findings _operating _predictions _scores _settings _study _table
_model: _columns _errors _features _lanes _network _operating _settings
_recipe: _columns _errors _features _reading
_bundle: _errors _files _model _network _reading _recipe
_cases: _columns _errors _files _labels _model _reading
_folder: _bundle _errors _files _model _predictions report
_answer: _chunk _compare _errors _files _findings _folder _model _network _predictions _record
  _rows _study report
_weigh: _answer _chunk _errors _frames _lanes _network _operating _plan _settings _study _table
_demo: _chunk _compare _lanes _network _operating _predictions _record _settings _split _study
  _table _weights
_terminal: _chunk
_cli: _bundle _cases _demo _errors _files _folder _machine _network _operating _plan _reading _rows
  _settings _study _table _terminal _test_file _weigh report
__init__: _answer _compare _counts _errors _network _operating _predictions _settings _weigh
  _weights
"""
"""From the ground up. `_weigh`, `_demo` and `_model` import the engine, `_lanes`, only late."""

ROOMS = (line.split(":") for line in MAP.replace("\n  ", " ").strip().splitlines())
IMPORTS = {room: set(needs.split()) for room, needs in ROOMS}


def room_of(path: Path) -> str:
    place = path.relative_to(SOURCE)
    return place.parts[0] if len(place.parts) > 1 else place.stem


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "outweigh":
            rooms |= {alias.name for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("outweigh."):
            rooms.add(node.module.split(".")[1])
    return rooms - {room_of(path)}


def private_imports(path: Path) -> list[str]:
    modules = [
        node.module
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    return [m for m in modules if not m.startswith("outweigh") and "._" in m]


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_each_room_imports_exactly_what_the_map_says():
    found: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        found.setdefault(room_of(path), set()).update(imported_rooms(path))
    assert found == IMPORTS


def test_the_map_has_no_circle():
    done: set[str] = set()
    while ready := {room for room, needs in IMPORTS.items() if room not in done and needs <= done}:
        done |= ready
    assert done == set(IMPORTS)


def test_no_room_lives_on_another_librarys_private_modules():
    assert {p.name: private_imports(p) for p in SOURCE.rglob("*.py") if private_imports(p)} == {}


def test_importing_the_package_loads_no_deep_learning_library():
    loaded = loaded_by("import outweigh, outweigh._cli")
    assert not loaded & {"jax", "keras", "sklearn", "skrub", "pandas", "tensorflow", "torch"}


def test_a_table_can_be_read_without_the_engine():
    loaded = loaded_by("from outweigh import _study, _record, _table, _weigh, _demo")
    assert not loaded & {"jax", "keras", "skrub", "tensorflow", "torch"}
