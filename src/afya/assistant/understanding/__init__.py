"""What a message says: its language, personal data, danger, facts, and what is asked or tried with it."""
