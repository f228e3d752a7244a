"""Judge models over written replies: facts and rubrics, agreement, and scores that are withheld."""
