"""In which order and in which packs the examples of a stage are seen: mixture, packing, plan."""
