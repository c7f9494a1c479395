"""What `bridge preview` shows beyond text: why a message cannot be made, a page for the browser, pictures."""
