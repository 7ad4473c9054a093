"""Speed, side by side with what a user would pick instead; not part of the package that is installed.

Each section pairs anynas with something else on the same work, turn by turn in one run (A B A B ...), and reports the
ratio of medians. `python -m benchmarks` runs them, `python -m benchmarks.page` writes docs/performance.md from what
they found.
"""
