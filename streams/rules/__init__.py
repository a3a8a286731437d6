"""Pure rules that two or more flows share."""
