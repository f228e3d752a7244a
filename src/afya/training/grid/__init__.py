"""Ablations: variants of one recipe, each trained from several seeds, measured on the same cases and compared.

`load_grid` reads what is to be compared, `run_grid` trains and measures it into a folder and continues it after a kill,
`write_results` makes its tables and its page.
"""

from afya.training.grid.declare import Grid, grids_folder, load_grid
from afya.training.grid.page import write_results
from afya.training.grid.runner import Failure, run_grid

__all__ = ["Failure", "Grid", "grids_folder", "load_grid", "run_grid", "write_results"]
