"""All benchmarks, one table each. Names on the command line choose among them: `python -m benchmarks startup`."""

from __future__ import annotations

import sys

from benchmarks import import_speed, install_size, reading, startup

ALL = {
    "startup": startup.main,
    "import_speed": import_speed.main,
    "install_size": install_size.main,
    "reading": reading.main,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(unknown)}; there are: {', '.join(ALL)}")
    for name in chosen:
        ALL[name]()
