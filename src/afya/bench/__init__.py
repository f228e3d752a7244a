"""The benchmark: tasks -> prompts -> replies -> extraction -> scores -> report.

A run asks models about items and writes down every reply; scoring reads the replies. What is measured, and how a prompt
reads in each language, stands in literals/; how an answer is read from free text, in extract.py.
"""
