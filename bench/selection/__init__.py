"""Hyper-parameters chosen on seeds of their own: by a rule that sees no labels, and by the labels.

`rule` is the label-free rule, `decide` applies it to the stored runs, `choices` stores what was chosen.
"""
