"""The inner loop: steps, queues of structures on the devices, and compiled programs."""
