"""Benchmarks: ours, the reference and the ratio from one run. They assert nothing; people read and compare.

Machines are shared and noisy: figures are medians and quantiles of many rounds, ours and the reference's in turns.
"""
