"""How large the core install is: a fresh virtual environment, `pip install .` with no extras, counted on disk."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
AIM_MB = 320


def main() -> None:
    """Print the table. Needs the package index; takes about a minute."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin/python"
        site = Path(
            subprocess.run(
                [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
        )
        before = _bytes(site)
        command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*command, "-c", str(ROOT / "constraints.txt"), str(ROOT)], check=True, stdout=sys.stderr)
        table = Table(title="Core install (no extras)")
        table.add_column("package")
        table.add_column("MB on disk", justify="right")
        sizes = sorted(((_bytes(child), child.name) for child in site.iterdir() if child.is_dir()), reverse=True)
        for size, name in sizes[:6]:
            table.add_row(name, f"{size / 1e6:.0f}")
        table.add_section()
        table.add_row(f"all of it (aim: under {AIM_MB})", f"{(_bytes(site) - before) / 1e6:.0f}")
        Console().print(table)


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


if __name__ == "__main__":
    main()
