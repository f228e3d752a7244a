"""Speed and size, measured. `python -m benchmarks` runs all; each module alone prints its own table.

Machines are noisy: times are the best of several runs, and where there is an alternative it is timed in the same run.
"""
