"""Which items a run takes, and what a task is: declarations in YAML or beside a Python function."""
