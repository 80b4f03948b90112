"""Hyper-parameters chosen on seeds of their own: by a rule that sees no labels, and by the labels.

`contest` says what is chosen between, `split` on which points; `criteria` and `rule` are the label-free rule;
`decide` applies it to a run and `stored` writes the choices down; `boards` says which configuration stands where.
"""
