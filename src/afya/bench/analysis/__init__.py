"""From scores to statistics: every table of the report, each figure with n and an interval."""
