"""Figures left blank: drawing takes most of a report's time, and few tests look at them."""

from matplotlib.figure import Figure

from bench.cli import main

_BLANK = b'<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="72pt" viewBox="0 0 72 72"/>'

#: What follows ``python -c``: the command line in a process that draws no figures.
CODE = "from tests.undrawn import undrawn_main; undrawn_main()"


#: How matplotlib draws.
DRAWING = {name: getattr(Figure, name) for name in ("draw_without_rendering", "savefig")}


def leave_figures_blank(patch):
    """Let matplotlib render nothing; what a figure shows is still put together."""
    patch(Figure, "draw_without_rendering", lambda figure: None)
    patch(Figure, "savefig", lambda figure, file, **_: file.write(_BLANK))


def undrawn_main():
    """Run the command line of this process without drawing."""
    leave_figures_blank(setattr)
    main()
