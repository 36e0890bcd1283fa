"""The page on which a person reads, corrects and accepts the generated examples."""
