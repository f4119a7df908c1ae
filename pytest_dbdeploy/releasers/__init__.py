"""Releasers: how the code's part of a deployment is carried out and undone. One module each."""
