"""What stochasticity buys besides quality: uncertainty, stability, outliers, and the health of runs.

``measured`` computes the numbers of a data set, ``sections`` puts them into words, ``tidy`` writes them as a table; all
import pandas, so none is imported here.
"""
