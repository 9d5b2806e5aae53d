"""How right networks are: predictions, numbers, intervals, comparisons."""
