"""What notices of trouble say, one module for each language, and the commands that go with them."""
