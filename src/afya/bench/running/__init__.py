"""A benchmark run: what it asks of whom, what it costs, what it leaves, and scoring it again."""
