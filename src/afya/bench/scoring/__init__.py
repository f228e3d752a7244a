"""From a reply to a verdict or a measure: right or wrong, refused, overlap with a reference."""
