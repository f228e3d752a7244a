"""afya: medical language models for the languages that were left out.

Four jobs, one package: build a checked multilingual medical dataset (`afya data`), measure any model in every
language (`afya bench`), adapt one in two stages (`afya train`), and put it safely into a health worker's hands
(`afya ask`). Importing this package imports nothing heavy; each room loads its libraries when it is used.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
