"""The learned optimizer: a small network that moves every atom by what it sees of it."""
