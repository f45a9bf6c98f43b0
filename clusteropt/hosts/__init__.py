"""Workers of a Dask cluster: the connection to them, and what makes them like the client."""
