"""Taking a model home: an ordinary model directory or a GGUF file, with a card that says what it is."""
