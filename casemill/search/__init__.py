"""Finding documents by their text: one contract, a parser of what people type, and one module per index."""
