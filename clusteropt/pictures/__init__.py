"""Pictures of clusters: how atoms look, and how a cluster is turned towards the viewer."""
