"""How good a swap is, in numbers: measures, naive answers to compare with, and reports."""
