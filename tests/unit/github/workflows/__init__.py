"""What the tests of the workflows share: reading them, their rules, and a runner of one."""
