"""Reading chosen options out of free text, in every language that has words of commitment."""
