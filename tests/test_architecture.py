"""The house's map: which room imports which, one way, and what an import may load."""

import ast
import subprocess
import sys
from pathlib import Path

import outweigh

SOURCE = Path(outweigh.__file__).parent

MAP = """
_classes:
_cutoffs:
_errors:
_estimators:
_files:
_interval:
_layout:
_machine:
_operating:
_repairs:
_scores:
_shapes:
_written:
_calibration: _repairs
_groups: _errors
_loss: _errors
_reading: _errors
_targets: _errors
_treatment: _shapes
_deployment: _errors _shapes
_predictions: _deployment _errors _shapes
_objective: _cutoffs _errors _operating
_counted: _cutoffs _errors _objective _operating
_counts: _errors _targets
_frames: _errors _reading
_labels: _errors _reading
_rankings: _objective _scores
_trial: _errors _loss
_outputs: _errors _reading _targets
_samplers: _errors _estimators _reading
_split: _classes _errors _groups
_validation: _classes _errors _groups
_costs: _cutoffs _errors _objective _operating _reading
_decisions: _calibration _deployment _objective _operating _predictions _repairs _scores
_columns: _errors _labels _reading
_cost_file: _costs _errors _reading
_network: _errors _loss _trial
_splitter: _classes _errors _split
_weights: _counts _errors _frames
_spread: _costs _decisions _deployment _objective
_difference: _decisions _interval _objective _predictions _scores
_scored: _decisions _objective _predictions _repairs _scores
_features: _columns
_draws: _errors _weights
_losses: _shapes _weights
_compare: _decisions _difference _interval _objective _predictions
_roles: _columns _errors _labels _reading
_row_weights: _counts _errors _outputs _reading _targets _weights
_versus: _decisions _difference _interval _objective _predictions _rankings _scores
_wanted: _cost_file _costs _counted _errors _objective _rankings _reading
_chunk: _draws _shapes
_look: _compare _decisions _predictions
_recipe: _columns _errors _features _reading
_batches: _counts _errors _outputs _row_weights _targets
_rows: _columns _errors _frames _labels _reading _roles
_odds: _costs _counts _errors _operating _outputs _row_weights _shapes _targets _weights
_callbacks: _chunk
_py_dataset: _batches
_multilabel: _chunk _treatment
_probability_findings: _look _predictions _reading
_tf_data: _batches _errors _outputs _row_weights _targets
_references: _chunk _errors _estimators _machine _predictions _reading _weights
_decision_findings: _compare _counted _difference _look _objective _predictions _reading _scores
  _versus _written
_loaders: _batches _errors _py_dataset _row_weights _tf_data
_program: _chunk _layout _multilabel _network _shapes _treatment
_settings: _draws _errors _losses _predictions _references _samplers _weights _written
_terminal: _chunk _settings _written
_cohorts: _chunk _draws _references _samplers _settings
_lanes: _chunk _errors _machine _network _program _treatment
_grammar: _draws _errors _estimators _losses _reading _references _samplers _settings _weights
_engine: _lanes _network
_model: _chunk _columns _deployment _errors _features _lanes _network _objective _operating _repairs
  _shapes
_cases: _columns _errors _files _labels _model _operating _reading
_whole: _errors _features _model _network _reading _recipe _repairs _shapes
_bundle: _errors _files _model _network _operating _reading _recipe _repairs _shapes
_export: _columns _errors _files _model _network _reading _whole
_mlflow: _bundle _columns _errors _export _model _network _operating _rows _whole
_configuration:
report: _configuration _errors _operating _predictions _settings _written
_json:
_folder: _bundle _configuration _decisions _errors _files _json _model _operating report
_answer: _compare _decisions _errors _files _folder _model _predictions _rows report
_schema:
_digest: _labels
_grouping: _labels
_cells: _decisions _scored
_per_class: _decisions _objective _scored _scores
_tallies: _decisions _objective _operating _predictions _scored
_segment: _columns _errors _frames _labels _reading _roles
_table: _columns _digest _errors _frames _labels _reading _roles _segment
_intake: _classes _columns _errors _frames _reading _rows _table
_test_file: _columns _errors _frames _labels _reading _roles _table
_plan: _chunk _cohorts _errors _features _groups _settings _shapes _split _table _validation
_training: _chunk _cohorts _errors _machine _plan _references _settings
_study: _chunk _compare _costs _decisions _deployment _errors _features _groups _objective _plan
  _predictions _settings _shapes _split _table _training
_lane_findings: _chunk _look _reading _study
_column_findings: _columns _look _reading _study _table
_data_findings: _groups _look _reading _split _study
_labelled: _chunk _compare _costs _decisions _deployment _errors _objective _plan _predictions
  _settings _shapes _split _study _table _training
_findings: _column_findings _data_findings _decision_findings _lane_findings _look
  _probability_findings _study
_segments: _decisions _grouping _predictions _scored _scores _table
_record: _cells _chunk _compare _counted _decisions _deployment _findings _objective _per_class
  _plan _predictions _scored _scores _segments _settings _spread _study _table _tallies _versus
_final: _answer _findings _model _network _record _shapes _study
_demo: _chunk _compare _costs _decisions _deployment _lanes _network _predictions _record _scored
  _settings _split _study _table _weights
_elsewhere: _answer _columns _compare _costs _decisions _deployment _errors _findings _frames
  _labels _objective _per_class _predictions _reading _record _roles _scored
_ensemble: _chunk _final _model _network _plan _repairs _settings _shapes _split _table _training
_weigh_labels: _answer _chunk _deployment _engine _errors _final _frames _grammar _labelled _network
  _objective _plan _table
_weigh: _answer _chunk _deployment _engine _errors _final _frames _grammar _network _objective _plan
  _split _study _table
_classifier: _callbacks _chunk _engine _ensemble _errors _grammar _intake _network _plan _settings
  _weights
_cli: _bundle _cases _demo _deployment _errors _files _folder _grammar _machine _network _plan
  _reading _rows _study _table _terminal _test_file _wanted _weigh report
_search: _answer _callbacks _chunk _classifier _costs _decisions _deployment _errors _grammar
  _intake _network _objective _plan _predictions _settings _split _splitter _study _table _weigh
__init__: _answer _classifier _compare _costs _counted _counts _elsewhere _errors _export _loaders
  _mlflow _network _odds _predictions _rankings _row_weights _search _targets _weigh _weigh_labels
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
