"""Where a run starts from: models loaded for training, the pocket model, extended tokenizers."""
