"""Auto: the lightest picture of each tile that hides what the mask hides."""
