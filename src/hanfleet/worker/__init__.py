"""One bot's process: takes messages in, decides turns, sends what was decided, tells how it is.

Read in this order: `instance` (what runs), `inbox`, `turn`, `outbox` (walk 1), then `lanes` (when each of them runs).
Everything that must survive is a row; what is kept here may be lost at any line.
"""
