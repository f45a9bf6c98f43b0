"""Pictures: records drawn with matplotlib in one style; how atoms look, and how a cluster is turned towards the viewer."""
