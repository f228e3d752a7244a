"""The answer: the texts of the pack, passages word for word, and what a model or translator made of them."""
