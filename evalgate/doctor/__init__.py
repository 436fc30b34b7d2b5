"""Known faults planted into copies of a recorded run: does the right gate or check fire for each?"""
