"""The learned optimizer: a small network that moves every atom by inputs about that atom."""
