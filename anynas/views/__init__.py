"""What the commands print: data in, text out."""
