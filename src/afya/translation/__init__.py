"""Translation: engines behind one protocol, glossary, agentic workflow, integrity checks and the people's review."""
