"""Signs that a model has seen the items: n-gram overlap, Min-K%, the order of the options."""
