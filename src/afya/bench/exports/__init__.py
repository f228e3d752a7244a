"""Our tasks in the files of other evaluation programs: the same prompts, asked and scored by them."""
