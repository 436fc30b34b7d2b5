def write(out, about, rows): pass
