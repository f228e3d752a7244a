"""What models are asked, and what they say: settings become prompts, prompts become replies, kept by content."""
