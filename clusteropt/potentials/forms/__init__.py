"""The potential forms that ship with clusteropt. Each is one module, which ends in its record FORM."""
