"""Text in any of the languages: what belongs to a language (its words for numbers, negation, answers, refusals)."""
