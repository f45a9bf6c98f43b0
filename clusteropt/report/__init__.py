"""Results as tables, JSON and pictures, and the works to cite."""
