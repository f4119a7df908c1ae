"""One pytest session with ordered phases, with or without xdist: the controller acts between them, workers only run gates."""
