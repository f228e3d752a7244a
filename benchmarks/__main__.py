"""All benchmarks, one table each. Names on the command line choose among them: `python -m benchmarks startup`.

Each runs in a process of its own, so that none inherits another's threads, caches or memory.
"""

from __future__ import annotations

import subprocess
import sys

ALL = (
    "startup",
    "import_speed",
    "install_size",
    "reading",
    "assistant_speed",
    "translation_checks",
    "glossary_speed",
    "pack_loading",
    "ct2_speed",
    "near_duplicates",
    "build_speed",
    "bootstrap_speed",
    "report_speed",
    "rescore_speed",
    "option_scoring",
    "packing_fill",
    "training_speed",
    "plan_memory",
    "knowledge_speed",
    "audit_speed",
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(ALL)
    unknown = [name for name in chosen if name not in ALL]
    if unknown:
        sys.exit(f"unknown benchmark {', '.join(unknown)}; there are: {', '.join(ALL)}")
    failed = [name for name in chosen if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode]
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
