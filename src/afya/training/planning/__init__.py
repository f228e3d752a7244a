"""What a run will take before it starts: parameters, memory by part, tokens, steps, hours and cost, and what to change.

Nothing is downloaded but, for a model that `shapes.yaml` does not know, its config.json. Parameters are counted on the
meta device; the memory of a step is counted by doing the step on tensors without contents.
"""
