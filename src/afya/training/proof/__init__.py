"""The proof of a training run: what each stage gained and lost in each language, on items nobody learned from.

held_out.py   the data sets, and the proof that no lesson is among them
measuring.py  a model on the data sets: an ordinary bench run each, in RUN/proof/{before,STAGE}/{NAME}
steps.py      the model in memory while a stage runs: RUN/proof/steps.csv
during.py     all of that while a run is trained; again.py: after it, and on other data
findings.py   paired differences, disparity, and what became worse; averages.py: means over languages
proving.py    measure, find, and write RUN/proof/proof.json, report.html (page.py) and the cards (proof_card.py)
guard.py      refuse what became worse; publish.py: give away what did not
"""
