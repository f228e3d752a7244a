"""From Items to training examples: what is asked, what is learned, what is cut."""
