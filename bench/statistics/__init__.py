"""Paired comparisons of methods: tests, effect sizes and correction for many of them.

Every function is pure over arrays and numbers. Nothing is imported here, so that asking for one costs only
what that one needs.
"""
