"""What people have becomes a suite: files read into rows, shapes recognised, texts cleaned, splits made, YAML written."""
