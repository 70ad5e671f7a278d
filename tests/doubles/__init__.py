"""Doubles: real classes that stand where the world would, with seeds and clocks."""
