"""The front of the house: takes requests, decides, and hands activations on."""
