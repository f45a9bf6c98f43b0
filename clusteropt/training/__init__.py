"""Meta-training: finding the theta of a learned optimizer."""
