"""Checks: what can be wrong with a table, a split, a network or a result, each in a file of its
own, and the table of limits that they judge by.
"""
