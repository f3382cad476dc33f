"""How a function's zip is made: what it must hold, where that comes from, and how it is written and timed."""
