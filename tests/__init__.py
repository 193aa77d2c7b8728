"""The checks that run on the matrix (`cells`), and the tests of the project itself (`unit`)."""
