"""What people have becomes a suite: files into rows, shapes recognised, texts cleaned, splits made, YAML written."""
