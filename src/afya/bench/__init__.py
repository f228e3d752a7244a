"""The benchmark: tasks -> prompts -> replies -> scores -> statistics -> report.

    tasks       which items, of which declared task
    asking      settings become prompts in each language, prompts become replies, kept by content
    running     a whole run: what is asked of whom, what it costs, what it leaves; scoring again
    reading     the chosen option read out of free text
    scoring     a verdict or a measure for each reply
    analysis    every table of the report, each figure with n and an interval
    page        the report as one HTML page
    judging, probing    facts and rubrics by judge models; signs of contamination
    imports, exports    replies that others published; our tasks for other programs

A run asks models about items and writes down every reply; scoring reads the replies, and nobody is asked again.
"""
