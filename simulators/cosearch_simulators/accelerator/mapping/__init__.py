"""What runs where and when: mappings in words, the dataflows that allow them, real factors made whole."""
