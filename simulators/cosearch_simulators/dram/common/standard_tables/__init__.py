"""The standards as data, a file each: organisations, speed grades, timing rules, currents or energies."""
