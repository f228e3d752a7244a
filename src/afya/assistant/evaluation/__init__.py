"""The assistant measured: written and generated cases, every safety number with n and interval, and proof by mutation.

`run.evaluate` measures, `mutation.mutate` switches each check off and looks whether that is noticed, `attribution`
says of each wrong answer where it went wrong. docs/safety.md says what each number is and is not.
"""
