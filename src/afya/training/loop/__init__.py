"""Training itself: attention by documents, the trainer, the optimiser, checkpoints, the log, the live line."""
