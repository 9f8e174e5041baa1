"""The house's map: which room imports which, one way, and what an import may load."""

import ast
import subprocess
import sys
from pathlib import Path

import outweigh

SOURCE = Path(outweigh.__file__).parent

IMPORTS = {
    "_errors": set(),
    "_chunk": set(),
    "_layout": set(),
    "_reading": {"_errors"},
    "_labels": {"_errors", "_reading"},
    "_table": {"_errors", "_labels", "_reading"},
    "_features": {"_table"},
    "_split": {"_errors"},
    "_weights": {"_errors"},
    "_settings": {"_errors", "_weights"},
    "_network": {"_errors"},
    "_program": {"_layout", "_network"},
    "_lanes": {"_chunk", "_errors", "_network", "_program"},
    "_predictions": {"_errors", "_settings"},
    "_scores": set(),
    "_operating": {"_errors"},
    "_compare": {"_operating", "_predictions", "_settings"},
    "_study": {
        "_chunk",
        "_compare",
        "_errors",
        "_features",
        "_operating",
        "_predictions",
        "_settings",
        "_split",
        "_table",
    },
    "_record": {
        "_chunk",
        "_compare",
        "_operating",
        "_predictions",
        "_scores",
        "_settings",
        "_study",
        "_table",
    },
    "report": set(),
    "_folder": {"_errors", "_predictions", "report"},
    "_weigh": {
        "_chunk",
        "_compare",
        "_errors",
        "_folder",
        "_lanes",  # late: the engine is loaded only to train
        "_network",
        "_operating",
        "_predictions",
        "_record",
        "_settings",
        "_study",
        "_table",
        "report",
    },
    "_demo": {
        "_chunk",
        "_compare",
        "_lanes",  # late: the engine is loaded only to train
        "_network",
        "_operating",
        "_predictions",
        "_record",
        "_settings",
        "_study",
        "_table",
        "_weights",
    },
    "_terminal": {"_chunk"},
    "_cli": {
        "_demo",
        "_errors",
        "_folder",
        "_network",
        "_operating",
        "_settings",
        "_study",
        "_table",
        "_terminal",
        "_weigh",
        "report",
    },
}
PUBLIC = {"_compare", "_errors", "_network", "_operating", "_predictions", "_settings"}
IMPORTS["__init__"] = PUBLIC | {"_weigh", "_weights"}


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
    assert not loaded & {"jax", "keras", "sklearn", "pandas", "tensorflow", "torch"}


def test_a_table_can_be_read_without_the_engine():
    loaded = loaded_by("from outweigh import _study, _record, _table, _weigh, _demo")
    assert not loaded & {"jax", "keras", "tensorflow", "torch"}
