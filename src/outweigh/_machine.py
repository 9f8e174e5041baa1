"""The machine: how many cores and how much memory there are to use.

A container's limits count, not those of the computer around it.
"""

import hashlib
import os
import platform
import stat
from pathlib import Path

ASSUMED = 4 << 30  # bytes, where the system does not tell

CGROUP = Path("/sys/fs/cgroup")
CPU = Path("/proc/cpuinfo")

MOST_KEPT = 256 << 20  # bytes of compiled programs


def cores() -> int:
    """Count the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def free_memory() -> int:
    """Tell how many bytes could still be taken without swapping."""
    known = [size for size in (_of_system(), _of_container()) if size is not None]
    return min(known, default=ASSUMED)


def keep_compiled() -> None:
    """Have JAX keep what it compiles for later runs, unless the user keeps it elsewhere.

    To be called before JAX is imported. A program is compiled for one kind of processor: each has a
    folder of its own, that nobody else may write to.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = root / "outweigh" / f"compiled-{_processor()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            return
        _thin_out(folder)
    except OSError:  # a home that cannot be written to: every run compiles anew
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")


def _is_ours(folder: Path) -> bool:
    """Tell whether only this user can write there: what lies there is going to be run."""
    about = folder.stat()
    return not hasattr(os, "getuid") or (
        about.st_uid == os.getuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _processor() -> str:
    """Name the kind of processor, in a few letters."""
    try:
        lines = CPU.read_text().splitlines()
        told = [line for line in lines if line.startswith(("flags", "Features", "model"))]
    except OSError:
        told = [platform.processor()]
    kind = "\n".join([platform.machine(), *sorted(set(told))])
    return hashlib.sha256(kind.encode()).hexdigest()[:12]


def _thin_out(folder: Path) -> None:
    """Drop the oldest files where there are too many bytes of them."""
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    kept = 0
    for path in files:
        kept += path.stat().st_size
        if kept > MOST_KEPT:
            path.unlink(missing_ok=True)


def _of_system() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _of_container() -> int | None:
    try:
        most, used = ((CGROUP / name).read_text() for name in ("memory.max", "memory.current"))
        return max(int(most) - int(used), 0)
    except (OSError, ValueError):  # no such files, or "max": no limit
        return None
