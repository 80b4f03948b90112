"""Figures left blank: few tests look at them."""

from matplotlib.figure import Figure

from bench.cli import main

#: What follows ``python -c``: the command line in a process that draws no figures.
CODE = "from tests.undrawn import undrawn_main; undrawn_main()"

#: How matplotlib draws.
DRAWING = {"draw": Figure.draw}


def leave_figures_blank(patch):
    """Let matplotlib draw nothing; what a figure shows is still put together."""
    patch(Figure, "draw", lambda figure, renderer: None)


def undrawn_main():
    """Run the command line of this process without drawing."""
    leave_figures_blank(setattr)
    main()
